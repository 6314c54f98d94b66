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

.function "sieve" signature 0
.line 1
.entry stack 0 handlers 0 written R8-R16
    GAS_CHECK 4
    MOVI R20, 1
    BR_CMPI R16, le, 2, L51
.entry stack 0 handlers 0 written R8-R16,R20
    GAS_CHECK 1
    MOVI R21, 2
    MOVI R22, 0
L13:
.entry stack 0 handlers 0 written R8-R16,R20-R22
    GAS_CHECK 4
    INDEX_CHECK R21, R16
    LOADX R23, R0, R21, z8, 0, 0
    BRNZ R23, L39
.entry stack 0 handlers 0 written R8-R16,R20-R23
    GAS_CHECK 4
    TADDI R22, R22, 1
    TADD R23, R21, R21, i64
    BR_LE R16, R23, L39
L29:
.entry stack 0 handlers 0 written R8-R16,R20-R23
    GAS_CHECK 5
    INDEX_CHECK R23, R16
    STOREX R0, R23, R20, z8, 0, 0
    TADD R23, R23, R21, i64
    BR_LT R23, R16, L29
L39:
.entry stack 0 handlers 0 written R8-R16,R20-R23
    GAS_CHECK 3
    TADDI R21, R21, 1
    BR_LT R21, R16, L13
.entry stack 0 handlers 0 written R8-R16,R20-R23
    GAS_CHECK 1
    MOV R16, R22
L48:
.entry stack 0 handlers 0 written R8-R16,R20
    GAS_CHECK 1
    RET
L51:
.entry stack 0 handlers 0 written R8-R16,R20
    GAS_CHECK 1
    MOVI R16, 0
    JMP L48
