.exact
.name "falls"
.signature 0 0
.function main signature 0
.entry
    GAS_CHECK 1
    NOP
