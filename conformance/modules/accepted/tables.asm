; Every table of a module.
.name "tables"
.version "2.1"
.title "All tables"
.period 250_000_000
.heartbeat 5_000_000_000
.priority 200
.memory 65536
.gas 1000000
.subscribe "weather"
.capability IO_READ COMMUNICATE
.zero 8
.hex 05000000 05000000
.text "hello"
.zero 11
.state 24 scratch 32
.field "count" 0 "l"
.field "name" 8 "s"
.field "last" 16 "d"
.parameter "threshold" "d" default "30.5" help "when to warn"
.parameter "room" "s"
.link device "i2c:0x48" channel "temperature" rights r
.link agent "cloud-agent"
.link topic "weather" rights rw
.timer "Loop" 60_000_000_000
.timer "Loop" 5_000_000_000 ordinal 1
.export state_init "" function @state_init
.export init "" function @init
.export loop "" function @pass
.export handler "set" function @set arguments "ld" result "b"
.export topic "weather" function @weather arguments "s"
.export every "" function @init interval 1000000000
.export test "it counts" function @pass

.function state_init
    MOVI R20, 48
    STORE R20, R0, 0
    RET
.function init
    MOVI R20, 8
    LOG R20, info
    RET
.function pass
.line 12
    LINK R20, 0
    IO_READ R21, R20
.line 13
    PACER R22, 1
    BRZ R22, skip
    PARAM R23, 0
    FCMP_GT R22, R21, R23
    BRZ R22, skip
    MOVI R24, 8
    METRIC R24, R21
skip:
    YIELD_AGENT event
    RET
.function set arguments 2 results 1
    MOVI64 R20, 30.5
    FCMP_GE R16, R17, R20
    RET
.function weather arguments 1
    LOG R16, debug
    RET
