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

.function "pick" signature 0
.line 2
.entry stack 0 handlers 0 written R8-R18
    GAS_CHECK 1
    BR_LT R16, R17, L17
.line 3
.entry stack 0 handlers 0 written R8-R18
    GAS_CHECK 1
    TMUL R20, R16, R18, i64
.line 4
L8:
.entry stack 0 handlers 0 written R8-R18,R20
    GAS_CHECK 3
    TSUB R20, R20, R16, i64
    TADD R20, R20, R17, i64
    TADD R16, R20, R18, i64
    RET
.line 2
L17:
.entry stack 0 handlers 0 written R8-R18
    GAS_CHECK 1
    MOV R16, R18
    MOV R20, R17
    JMP L8
