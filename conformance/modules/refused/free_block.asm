.exact
.name "free"
.signature 0 0
.function main signature 0
.entry
    JMP 0
