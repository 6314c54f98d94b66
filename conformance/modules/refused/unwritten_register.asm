.exact
.name "unwritten"
.signature 0 0
.function main signature 0
.entry
    GAS_CHECK 1
    MOV R20, R21
    HALT
