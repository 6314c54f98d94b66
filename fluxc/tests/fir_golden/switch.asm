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

.function "name" signature 0
.line 2
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 3
    BR_CMPI R16, ge, 2, L18
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 3
    BRZ R16, L23
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 3
    BR_CMPI R16, eq, 1, L33
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 1
    JMP L46
L18:
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 3
    BR_CMPI R16, ne, 2, L28
.line 3
L23:
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 1
    MOVI R16, 10
    RET
.line 2
L28:
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 3
    BR_CMPI R16, ne, 3, L38
.line 4
L33:
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 1
    MOVI R16, 20
    RET
.line 2
L38:
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 3
    BR_CMPI R16, ne, 250, L46
.line 5
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 1
    TRAP 11
.line 6
L46:
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 1
    EXCEPTION R16
