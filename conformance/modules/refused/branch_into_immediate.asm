; The immediate spells SYSCALL, HALT.
.exact
.name "hidden"
.signature 0 0
.function main signature 0
.entry
    GAS_CHECK 1
    MOVI64 R20, 0x0000000100000074
    JMP 3
