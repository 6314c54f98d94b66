.exact
.name "unbalanced"
.signature 0 0
.function main signature 0
.entry
    GAS_CHECK 1
    BRZ R0, join
.entry
    GAS_CHECK 1
    PUSH_IMM 1
    JMP join
join:
.entry
    GAS_CHECK 1
    RET
