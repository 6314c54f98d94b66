.exact
.name "greedy"
.signature 0 0
.function main signature 0
.entry
    GAS_CHECK 1
    IO_WRITE R0, R0
    HALT
