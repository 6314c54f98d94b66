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
.signature 3 1

.function "mix" signature 0
.line 2
.entry stack 0 handlers 0 written R8-R18
    GAS_CHECK 8
    MOVI R55, 6
    MOVI64 R7, 4294967297
    IMUL R7, R16, R7
    ROTATE_R R20, R7, R55
    MOVI R55, 11
    MOVI64 R7, 4294967297
    IMUL R7, R16, R7
    ROTATE_R R21, R7, R55
    IXOR R20, R20, R21
.line 3
    IAND R21, R16, R17
    IADD R20, R20, R21
    IADD R7, R20, R18
    EXTEND R16, R7, z32
    RET
