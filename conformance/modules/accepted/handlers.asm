; CATCH, FINALLY, a trap handler and the rules of frames.
.name "handlers"
.function main results 1
    SET_HANDLER @on_trap
    ENTER 2
    MOVI R20, 7
    SLOT_SET R20, 1
    CATCH caught
    FINALLY last
    MOVI R21, 0
    IDIV R22, R20, R21
    FINALLY 0
    CATCH 0
    LEAVE
    MOVI R16, 0
    RET
caught:
    SLOT_GET R20, 1
    IADD R16, R16, R20
    LEAVE
    RET
last:
    EXCEPTION_RET R16

.function on_trap arguments 2 results 1
    RETI R0
