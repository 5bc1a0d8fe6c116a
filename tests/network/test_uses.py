"""``use``: blocks from files beside the spec, and from nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import cnnspec
from cnnspec.document import parse
from cnnspec.elaborate.uses import folder_reader
from cnnspec.text import Source


def files(**texts: str) -> Callable[[str], Source]:
    def read(name: str) -> Source:
        stem = name.removesuffix(".cnn").replace("/", "_")
        if stem not in texts:
            raise FileNotFoundError(2, "No such file or directory", name)
        return Source(name, texts[stem])

    return read


def codes(text: str, **texts: str) -> list[str]:
    with pytest.raises(cnnspec.SpecError) as caught:
        parse(text, read_use=files(**texts))
    return [item.code for item in caught.value.diagnostics]


def test_blocks_come_from_the_used_file() -> None:
    network = parse('use "a.cnn"\ninput 4\nunit 3', read_use=files(a="block unit n { dense n }"))
    assert ["unit1.dense1"] == [node.name for node in network.layers]


def test_a_used_block_sees_the_constants_of_its_own_file() -> None:
    text = "let n = 7\nblock unit { dense n }\ninput 3\nrelu"
    network = parse('use "a.cnn"\nlet n = 2\ninput 4\nunit', read_use=files(a=text))
    assert (7,) == network.output


def test_used_files_may_use_files() -> None:
    network = parse(
        'use "a.cnn"\ninput 4\nouter',
        read_use=files(a='use "sub/b.cnn"\nblock outer { inner }', sub_b='use "c.cnn"\nblock inner { deep }',
                       sub_c="block deep { dense 9 }"),
    )  # fmt: skip
    assert (9,) == network.output


def test_a_block_of_the_spec_comes_before_a_used_one() -> None:
    network = parse('use "a.cnn"\nblock b { dense 2 }\ninput 4\nb', read_use=files(a="block b { dense 1 }"))
    assert (2,) == network.output


def test_one_file_may_be_used_by_two() -> None:
    network = parse(
        'use "a.cnn"\nuse "b.cnn"\ninput 4\none\ntwo',
        read_use=files(a='use "c.cnn"\nblock one { base }', b='use "c.cnn"\nblock two { base }',
                       c="block base { relu }"),
    )  # fmt: skip
    assert 2 == len(network.layers)


def test_circles_are_refused() -> None:
    assert ["use-in-a-circle"] == codes(
        'use "a.cnn"\ninput 4', a='use "b.cnn"\nblock x { relu }', b='use "a.cnn"'
    )


@pytest.mark.parametrize(
    "path", ["../a.cnn", "/etc/passwd", "b/../../a.cnn", "..", "C:/a.cnn", "b\\\\a.cnn", "~/../../a", ""]
)
def test_paths_that_lead_out_are_refused(path: str) -> None:
    assert ["use-outside-the-folder"] == codes(f'use "{path}"\ninput 4')


def test_a_used_file_cannot_lead_out_either() -> None:
    assert ["use-outside-the-folder"] == codes('use "s/a.cnn"\ninput 4', s_a='use "../../b.cnn"')


def test_missing_files_are_named() -> None:
    assert ["use-not-found"] == codes('use "nope.cnn"\ninput 4')


def test_without_a_folder_nothing_can_be_used() -> None:
    with pytest.raises(cnnspec.SpecError, match="lies in no folder"):
        cnnspec.parse('use "a.cnn"\ninput 4')


def test_faults_of_a_used_file_are_shown_at_their_own_place() -> None:
    with pytest.raises(cnnspec.SpecError) as caught:
        parse('use "a.cnn"\ninput 4\nb', read_use=files(a="block b { denze 3 }"))
    (fault,) = caught.value.diagnostics
    assert ("unknown-word", "a.cnn") == (fault.code, fault.span.source.name if fault.span else "")
    assert ["in this use of b"] == [label.message for label in fault.labels]


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.cnn").write_text("block b { relu }")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.cnn").symlink_to(tmp_path / "secret.cnn")
    with pytest.raises(cnnspec.SpecError) as caught:
        parse('use "link.cnn"\ninput 4', read_use=folder_reader(inside))
    assert ["use-outside-the-folder"] == [item.code for item in caught.value.diagnostics]


def test_folders_and_binary_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "bytes.cnn").write_bytes(b"\xff\xfe\x00")
    for name in ("sub", "bytes.cnn"):
        with pytest.raises(cnnspec.SpecError) as caught:
            parse(f'use "{name}"\ninput 4', read_use=folder_reader(tmp_path))
        assert ["use-not-found"] == [item.code for item in caught.value.diagnostics]


def test_a_used_file_that_cannot_be_read_is_told_as_a_spec_is(tmp_path: Path) -> None:
    (tmp_path / "latin.cnn").write_bytes(b"block b { relu }\n# caf\xe9")
    (tmp_path / "long.cnn").write_bytes(b"#" * 2_000_001)
    for name, message in (("latin", "is not UTF-8: byte 0xe9 on line 2"), ("long", "is larger than 2 MB")):
        with pytest.raises(cnnspec.SpecError, match="use-not-found") as caught:
            parse(f'use "{name}.cnn"\ninput 4', read_use=folder_reader(tmp_path))
        assert message in caught.value.diagnostics[0].message


def test_load_finds_files_beside_the_spec(tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text('use "more/blocks.cnn"\ninput 4\nb')
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "blocks.cnn").write_text("block b { dense 5 }")
    assert (5,) == cnnspec.load(tmp_path / "net.cnn").output


def test_load_takes_the_name_of_an_example() -> None:
    assert "LeNet5" == cnnspec.load("lenet").name


def test_load_refuses_what_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "net.cnn"
    path.write_bytes(b"input 4\xff")
    with pytest.raises(cnnspec.SpecError, match="not-text"):
        cnnspec.load(path)


def test_load_raises_as_open_does_for_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cnnspec.load(tmp_path / "none.cnn")


def test_a_constant_that_hangs_on_a_tensor_is_not_taken_along() -> None:
    text = "input 4\nlet n = C + 1\nlet m = 3\nblock b { dense m }"
    assert (3,) == parse('use "a.cnn"\ninput 9\nb', read_use=files(a=text)).output
