"""Files broken where their readers look: headers, sizes, sums, names, encodings; each by a number."""
