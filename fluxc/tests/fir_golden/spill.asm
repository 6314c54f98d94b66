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

.function "main" signature 0
.line 2
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 21
    PUSHR R8, R15
    STACK_ALLOC 2
    MOV R8, R16
    TMUL R9, R8, R8, i64
    TMUL R10, R9, R8, i64
    TMUL R11, R10, R8, i64
    TMUL R12, R11, R8, i64
    TMUL R13, R12, R8, i64
    TMUL R14, R13, R8, i64
    TMUL R15, R14, R8, i64
    TMUL R7, R15, R8, i64
    SLOT_SET R7, 8
    SLOT_GET R54, 8
    TMUL R7, R54, R8, i64
    SLOT_SET R7, 9
    SLOT_GET R54, 9
    TMUL R16, R54, R8, i64
.line 3
    CALL @"loop"
.line 4
    TADD R20, R16, R8, i64
    TADD R20, R20, R9, i64
    TADD R20, R20, R10, i64
    TADD R20, R20, R11, i64
    TADD R20, R20, R12, i64
    TADD R20, R20, R13, i64
    TADD R20, R20, R14, i64
    TADD R20, R20, R15, i64
    SLOT_GET R55, 8
    TADD R20, R20, R55, i64
    SLOT_GET R55, 9
    TADD R16, R20, R55, i64
    STACK_FREE 2
    POPR R8, R15
    RET

.function "loop" signature 0
.line 7
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 1
    PUSHR R8, R8
    MOV R8, R16
L60:
.entry stack 1 handlers 0 written R8-R16
    GAS_CHECK 4
    MOV R16, R8
    CALL @"loop"
.line 8
    MOVI R55, 1000000007
    IMOD R16, R16, R55
    BR_LT R8, R16, L74
.line 9
.entry stack 1 handlers 0 written R8-R16
    GAS_CHECK 1
    POPR R8, R8
    RET
.line 8
L74:
.entry stack 1 handlers 0 written R8-R16
    GAS_CHECK 1
    MOV R8, R16
    JMP L60
