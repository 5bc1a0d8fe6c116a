" Vim syntax of cnnspec: put it at ~/.vim/syntax/cnnspec.vim, and in ~/.vim/filetype.vim
"     autocmd BufNewFile,BufRead *.cnn setfiletype cnnspec
if exists("b:current_syntax")
  finish
endif

syntax match cnnspecLayer "\%(^\|[;{|:]\|->\)\s*\zs\h\w*"
syntax match cnnspecKeyword "\%(^\|[;{|}]\|->\)\s*\zs\<\%(network\|input\|let\|block\|repeat\|if\|else\|from\|head\|use\|expect\|train\)\>"
syntax keyword cnnspecOperator and or not as
syntax match cnnspecOption "\<\h\w*\ze\s*=[=>]\@!"
syntax match cnnspecLabel "\<\h[A-Za-z0-9_.]*\ze\s*:"
syntax match cnnspecOperator "->\|=>\|==\|!=\|<=\|>=\|//\|[-+*%<>|]"
syntax match cnnspecNumber "\<\d\+\%(\.\d\+\)\?\%([eE][+-]\?\d\+\)\?[kMG]\?\>"
syntax match cnnspecSize "\%(\<\d\+\|?\)\%([x×]\%(\d\+\|?\)\)\+"
syntax match cnnspecUnknown "?"
syntax region cnnspecString start=+"+ end=+"+ oneline
syntax match cnnspecComment "#.*$"

highlight default link cnnspecLayer Function
highlight default link cnnspecKeyword Keyword
highlight default link cnnspecOption Identifier
highlight default link cnnspecLabel Label
highlight default link cnnspecOperator Operator
highlight default link cnnspecNumber Number
highlight default link cnnspecSize Number
highlight default link cnnspecUnknown Special
highlight default link cnnspecString String
highlight default link cnnspecComment Comment

let b:current_syntax = "cnnspec"
