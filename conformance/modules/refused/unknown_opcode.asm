.exact
.name "unknown"
.signature 0 0
.function main signature 0
.entry
    GAS_CHECK 1
    .word 0x000000B8
    HALT
