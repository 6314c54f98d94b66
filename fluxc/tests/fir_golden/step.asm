.exact
.name "golden"
.version ""
.title ""
.period 0
.heartbeat 0
.priority 0
.memory 0
.gas 0
.hex 0000000000000000 0000000000000000 0400000004000000 6b69636b00000000
.state 0 scratch 0
.signature 0 0

.function "Loop" signature 0
.line 12
.entry stack 0 handlers 0 written R8-R15
    GAS_CHECK 6
    LINK R20, 0
    IO_READ R20, R20
    MOV R21, R61
    BRZ R21, L10
.entry stack 0 handlers 0 written R8-R15,R20-R21
    GAS_CHECK 1
    EXCEPTION R21
.line 13
L10:
.entry stack 0 handlers 0 written R8-R15,R20-R21
    GAS_CHECK 2
    PARAM R21, 0
    FCMP_GT R21, R20, R21
    BRZ R21, L26
.line 14
.entry stack 0 handlers 0 written R8-R15,R20-R21
    GAS_CHECK 5
    LINK R21, 1
    STORE R0, R20, 72
    MOVI R55, 16
    MOVI R7, 64
    TELL R21, R55, R7
.line 15
L26:
.entry stack 0 handlers 0 written R8-R15,R20-R21
    GAS_CHECK 1
    PACER R21, 0
    BRZ R21, L36
.entry stack 0 handlers 0 written R8-R15,R20-R21
    GAS_CHECK 2
    TEXT R20, R20, R0, float
    LOG R20, info
.line 16
L36:
.entry stack 0 handlers 0 written R8-R15,R20-R21
    GAS_CHECK 1
    YIELD_AGENT event
    RET
