.exact
.name "across"
.signature 0 0
.function main signature 0
.entry
    GAS_CHECK 1
    JMP 4
.function other signature 0
.entry
    GAS_CHECK 1
    HALT
