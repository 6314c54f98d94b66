.exact
.name "golden"
.version ""
.title ""
.period 0
.heartbeat 0
.priority 0
.memory 0
.gas 0
.state 0 scratch 0
.signature 1 1

.function "fib" signature 0
.line 1
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 2
    BR_CMPI R16, ge, 2, L8
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 1
    RET
L8:
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 6
    PUSHR R8, R9
    MOV R8, R16
    TADDI R16, R8, -1
    CALL @"fib"
    MOV R9, R16
    TADDI R16, R8, -2
    CALL @"fib"
    TADD R16, R9, R16, i64
    POPR R8, R9
    RET
