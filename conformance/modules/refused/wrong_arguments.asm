.exact
.name "arguments"
.signature 0 0
.signature 2 0
.function main signature 0
.entry
    GAS_CHECK 1
    MOVI R16, 1
    CALL @"two"
    HALT
.function "two" signature 1
.entry
    GAS_CHECK 1
    RET
