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
.signature 2 1

.function "main" signature 0
.line 6
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 2
.line 2
    BR_CMPI R16, le, 3, L8
.line 7
L5:
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 1
    RET
.line 2
L8:
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 1
    MOVI R16, 3
    JMP L5

.function "larger" signature 1
.line 2
.entry stack 0 handlers 0 written R8-R17
    GAS_CHECK 1
    BR_LE R16, R17, L21
.entry stack 0 handlers 0 written R8-R17
    GAS_CHECK 1
    RET
.line 3
L21:
.entry stack 0 handlers 0 written R8-R17
    GAS_CHECK 1
    MOV R16, R17
    RET
