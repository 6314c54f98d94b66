; n + … + 1, once as a loop and once as a recursion with a stacked frame.
.name "sum"
.version "1.0.0"
.title "Sum of the first numbers"
.export function "sum" function @sum arguments "l" result "l"
.export function "recursive" function @recursive arguments "l" result "l"

.function sum arguments 1 results 1
.line 3
    MOVI R20, 0
next:
.line 4
    IADD R20, R20, R16
    LOOP R16, next
.line 5
    MOV R16, R20
    RET

.function recursive arguments 1 results 1
.line 8
    BRZ R16, end
    PUSHR R8, R8
    MOV R8, R16
    TADDI R16, R16, -1
    CALL @recursive
    TADD R16, R16, R8, i64
    POPR R8, R8
end:
    RET
