.exact
.name "sunken"
.signature 0 0
.function main signature 0
.entry
    GAS_CHECK 1
    PUSH_IMM 1
    CATCH caught
    POP R20
    HALT
caught:
.entry stack 1
    GAS_CHECK 1
    HALT
