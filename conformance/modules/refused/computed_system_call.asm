.exact
.name "computed"
.signature 1 0
.function main signature 0
.entry written R16
    GAS_CHECK 1
    MOV R60, R16
    SYSCALL
    HALT
