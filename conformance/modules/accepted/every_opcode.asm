; Each opcode once, made from the opcode table.
.name "every-opcode"
.capability SPAWN COMMUNICATE COMPILE IO_READ IO_WRITE MEMORY HARDWARE NETWORK FILESYSTEM DEBUG SUPERVISOR
.parameter "parameter" "d"
.link function "library/function"
.link module "library"
.timer "Loop" 1000000000
.signature 0 0

.function callee
    RET

.function on_trap arguments 2
    RETI R16

.function op_nop
    STACK_ALLOC 49
    POPA
    NOP
    RET

.function op_halt
    STACK_ALLOC 49
    POPA
    HALT

.function op_trap
    STACK_ALLOC 49
    POPA
    TRAP 3

.function op_invalid
    STACK_ALLOC 49
    POPA
    INVALID

.function op_sys_wake
    STACK_ALLOC 49
    POPA
    SYS_WAKE R21
    RET

.function op_panic
    STACK_ALLOC 49
    POPA
    PANIC R21

.function op_debug
    STACK_ALLOC 49
    POPA
    DEBUG R21
    RET

.function op_info
    STACK_ALLOC 49
    POPA
    INFO R20, unrecorded
    RET

.function op_reset
    STACK_ALLOC 49
    POPA
    RESET

.function op_suspend
    STACK_ALLOC 49
    POPA
    SUSPEND R21
    RET

.function op_resume
    STACK_ALLOC 49
    POPA
    RESUME R21
    RET

.function op_yield
    STACK_ALLOC 49
    POPA
    YIELD
    RET

.function op_sleep
    STACK_ALLOC 49
    POPA
    SLEEP R21
    RET

.function op_timed_wait
    STACK_ALLOC 49
    POPA
    TIMED_WAIT R20, R21
    RET

.function op_interrupt
    STACK_ALLOC 49
    POPA
    INTERRUPT R21
    RET

.function op_exception
    STACK_ALLOC 49
    POPA
    EXCEPTION R21

.function op_iadd
    STACK_ALLOC 49
    POPA
    IADD R20, R21, R22
    RET

.function op_isub
    STACK_ALLOC 49
    POPA
    ISUB R20, R21, R22
    RET

.function op_imul
    STACK_ALLOC 49
    POPA
    IMUL R20, R21, R22
    RET

.function op_idiv
    STACK_ALLOC 49
    POPA
    IDIV R20, R21, R22
    RET

.function op_imod
    STACK_ALLOC 49
    POPA
    IMOD R20, R21, R22
    RET

.function op_ineg
    STACK_ALLOC 49
    POPA
    INEG R20, R21
    RET

.function op_iabs
    STACK_ALLOC 49
    POPA
    IABS R20, R21
    RET

.function op_inc
    STACK_ALLOC 49
    POPA
    INC R20, R21
    RET

.function op_dec
    STACK_ALLOC 49
    POPA
    DEC R20, R21
    RET

.function op_fadd
    STACK_ALLOC 49
    POPA
    FADD R20, R21, R22
    RET

.function op_fsub
    STACK_ALLOC 49
    POPA
    FSUB R20, R21, R22
    RET

.function op_fmul
    STACK_ALLOC 49
    POPA
    FMUL R20, R21, R22
    RET

.function op_fdiv
    STACK_ALLOC 49
    POPA
    FDIV R20, R21, R22
    RET

.function op_fneg
    STACK_ALLOC 49
    POPA
    FNEG R20, R21
    RET

.function op_i2f
    STACK_ALLOC 49
    POPA
    I2F R20, R21
    RET

.function op_f2i
    STACK_ALLOC 49
    POPA
    F2I R20, R21
    RET

.function op_iand
    STACK_ALLOC 49
    POPA
    IAND R20, R21, R22
    RET

.function op_ior
    STACK_ALLOC 49
    POPA
    IOR R20, R21, R22
    RET

.function op_ixor
    STACK_ALLOC 49
    POPA
    IXOR R20, R21, R22
    RET

.function op_inot
    STACK_ALLOC 49
    POPA
    INOT R20, R21
    RET

.function op_ishl
    STACK_ALLOC 49
    POPA
    ISHL R20, R21, R22
    RET

.function op_ishr
    STACK_ALLOC 49
    POPA
    ISHR R20, R21, R22
    RET

.function op_ushr
    STACK_ALLOC 49
    POPA
    USHR R20, R21, R22
    RET

.function op_rotate_l
    STACK_ALLOC 49
    POPA
    ROTATE_L R20, R21, R22
    RET

.function op_rotate_r
    STACK_ALLOC 49
    POPA
    ROTATE_R R20, R21, R22
    RET

.function op_popcount
    STACK_ALLOC 49
    POPA
    POPCOUNT R20, R21
    RET

.function op_clz
    STACK_ALLOC 49
    POPA
    CLZ R20, R21
    RET

.function op_ctz
    STACK_ALLOC 49
    POPA
    CTZ R20, R21
    RET

.function op_bswap
    STACK_ALLOC 49
    POPA
    BSWAP R20, R21
    RET

.function op_andi
    STACK_ALLOC 49
    POPA
    ANDI R20, R21, -6
    RET

.function op_ori
    STACK_ALLOC 49
    POPA
    ORI R20, R21, -6
    RET

.function op_xori
    STACK_ALLOC 49
    POPA
    XORI R20, R21, -6
    RET

.function op_cmp
    STACK_ALLOC 49
    POPA
    CMP R21, R22
    RET

.function op_cmpi
    STACK_ALLOC 49
    POPA
    CMPI R21, -6
    RET

.function op_fcmp
    STACK_ALLOC 49
    POPA
    FCMP R21, R22
    RET

.function op_test
    STACK_ALLOC 49
    POPA
    TEST R21, R22
    RET

.function op_testi
    STACK_ALLOC 49
    POPA
    TESTI R21, -6
    RET

.function op_cmp_eq
    STACK_ALLOC 49
    POPA
    CMP_EQ R20, R21, R22
    RET

.function op_cmp_ne
    STACK_ALLOC 49
    POPA
    CMP_NE R20, R21, R22
    RET

.function op_cmp_lt
    STACK_ALLOC 49
    POPA
    CMP_LT R20, R21, R22
    RET

.function op_cmp_gt
    STACK_ALLOC 49
    POPA
    CMP_GT R20, R21, R22
    RET

.function op_cmp_le
    STACK_ALLOC 49
    POPA
    CMP_LE R20, R21, R22
    RET

.function op_cmp_ge
    STACK_ALLOC 49
    POPA
    CMP_GE R20, R21, R22
    RET

.function op_fcmp_eq
    STACK_ALLOC 49
    POPA
    FCMP_EQ R20, R21, R22
    RET

.function op_fcmp_lt
    STACK_ALLOC 49
    POPA
    FCMP_LT R20, R21, R22
    RET

.function op_fcmp_gt
    STACK_ALLOC 49
    POPA
    FCMP_GT R20, R21, R22
    RET

.function op_fcmp_le
    STACK_ALLOC 49
    POPA
    FCMP_LE R20, R21, R22
    RET

.function op_fcmp_ge
    STACK_ALLOC 49
    POPA
    FCMP_GE R20, R21, R22
    RET

.function op_jmp
    STACK_ALLOC 49
    POPA
    JMP end
end:
    HALT

.function op_jz
    STACK_ALLOC 49
    POPA
    JZ end
    RET
end:
    HALT

.function op_jnz
    STACK_ALLOC 49
    POPA
    JNZ end
    RET
end:
    HALT

.function op_je
    STACK_ALLOC 49
    POPA
    JE end
    RET
end:
    HALT

.function op_jne
    STACK_ALLOC 49
    POPA
    JNE end
    RET
end:
    HALT

.function op_jg
    STACK_ALLOC 49
    POPA
    JG end
    RET
end:
    HALT

.function op_jl
    STACK_ALLOC 49
    POPA
    JL end
    RET
end:
    HALT

.function op_jge
    STACK_ALLOC 49
    POPA
    JGE end
    RET
end:
    HALT

.function op_jle
    STACK_ALLOC 49
    POPA
    JLE end
    RET
end:
    HALT

.function op_ja
    STACK_ALLOC 49
    POPA
    JA end
    RET
end:
    HALT

.function op_jb
    STACK_ALLOC 49
    POPA
    JB end
    RET
end:
    HALT

.function op_jae
    STACK_ALLOC 49
    POPA
    JAE end
    RET
end:
    HALT

.function op_jbe
    STACK_ALLOC 49
    POPA
    JBE end
    RET
end:
    HALT

.function op_jc
    STACK_ALLOC 49
    POPA
    JC end
    RET
end:
    HALT

.function op_jo
    STACK_ALLOC 49
    POPA
    JO end
    RET
end:
    HALT

.function op_loop
    STACK_ALLOC 49
    POPA
    LOOP R23, end
    RET
end:
    HALT

.function op_load
    STACK_ALLOC 49
    POPA
    LOAD R20, R21, -6
    RET

.function op_load8
    STACK_ALLOC 49
    POPA
    LOAD8 R20, R21, -6
    RET

.function op_load16
    STACK_ALLOC 49
    POPA
    LOAD16 R20, R21, -6
    RET

.function op_load32
    STACK_ALLOC 49
    POPA
    LOAD32 R20, R21, -6
    RET

.function op_store
    STACK_ALLOC 49
    POPA
    STORE R21, R22, -6
    RET

.function op_store8
    STACK_ALLOC 49
    POPA
    STORE8 R21, R22, -6
    RET

.function op_store16
    STACK_ALLOC 49
    POPA
    STORE16 R21, R22, -6
    RET

.function op_store32
    STACK_ALLOC 49
    POPA
    STORE32 R21, R22, -6
    RET

.function op_lea
    STACK_ALLOC 49
    POPA
    LEA R20, R21, -6
    RET

.function op_cmpxchg
    STACK_ALLOC 49
    POPA
    CMPXCHG R20, R21, R22, R23
    RET

.function op_atomic_add
    STACK_ALLOC 49
    POPA
    ATOMIC_ADD R20, R21, R22
    RET

.function op_atomic_sub
    STACK_ALLOC 49
    POPA
    ATOMIC_SUB R20, R21, R22
    RET

.function op_fence
    STACK_ALLOC 49
    POPA
    FENCE
    RET

.function op_load_rm
    STACK_ALLOC 49
    POPA
    LOAD_RM R20, R21, 15, -6
    RET

.function op_store_rm
    STACK_ALLOC 49
    POPA
    STORE_RM R21, R22, 15, -6
    RET

.function op_memset
    STACK_ALLOC 49
    POPA
    MEMSET R21, R22, R23
    RET

.function op_push
    STACK_ALLOC 49
    POPA
    PUSH R21
    STACK_FREE 1
    RET

.function op_pop
    STACK_ALLOC 49
    POPA
    STACK_ALLOC 1
    POP R20
    RET

.function op_push_imm
    STACK_ALLOC 49
    POPA
    PUSH_IMM -6
    STACK_FREE 1
    RET

.function op_dup
    STACK_ALLOC 49
    POPA
    STACK_ALLOC 1
    DUP
    STACK_FREE 2
    RET

.function op_swap
    STACK_ALLOC 49
    POPA
    STACK_ALLOC 2
    SWAP
    STACK_FREE 2
    RET

.function op_enter
    STACK_ALLOC 49
    POPA
    ENTER 3
    LEAVE
    RET

.function op_leave
    STACK_ALLOC 49
    POPA
    ENTER 1
    LEAVE
    RET

.function op_pusha
    STACK_ALLOC 49
    POPA
    PUSHA
    STACK_FREE 49
    RET

.function op_popa
    STACK_ALLOC 49
    POPA
    STACK_ALLOC 49
    POPA
    RET

.function op_pushf
    STACK_ALLOC 49
    POPA
    PUSHF
    STACK_FREE 1
    RET

.function op_popf
    STACK_ALLOC 49
    POPA
    STACK_ALLOC 1
    POPF
    RET

.function op_pushr
    STACK_ALLOC 49
    POPA
    PUSHR R40, R42
    STACK_FREE 3
    RET

.function op_popr
    STACK_ALLOC 49
    POPA
    STACK_ALLOC 3
    POPR R40, R42
    RET

.function op_stack_chk
    STACK_ALLOC 49
    POPA
    STACK_CHK 3
    RET

.function op_stack_alloc
    STACK_ALLOC 49
    POPA
    STACK_ALLOC 3
    STACK_FREE 3
    RET

.function op_stack_free
    STACK_ALLOC 49
    POPA
    STACK_ALLOC 3
    STACK_FREE 3
    RET

.function op_call
    STACK_ALLOC 49
    POPA
    CALL @callee
    RET

.function op_calli
    STACK_ALLOC 49
    POPA
    CALLI R21, 0
    RET

.function op_ret
    STACK_ALLOC 49
    POPA
    RET

.function op_syscall
    STACK_ALLOC 49
    POPA
    MOVI R60, 801
    SYSCALL
    RET

.function op_call_reg
    STACK_ALLOC 49
    POPA
    CALL_REG R21, 0
    RET

.function op_tailcall
    STACK_ALLOC 49
    POPA
    TAILCALL @callee

.function op_icall
    STACK_ALLOC 49
    POPA
    ICALL 0
    RET

.function op_call_ext
    STACK_ALLOC 49
    POPA
    CALL_EXT R20, R21, R22
    RET

.function op_call_native
    STACK_ALLOC 49
    POPA
    CALL_NATIVE 0
    RET

.function op_call_agent
    STACK_ALLOC 49
    POPA
    CALL_AGENT R20, R21, R22, R23
    RET

.function op_throw
    STACK_ALLOC 49
    POPA
    THROW R21

.function op_catch
    STACK_ALLOC 49
    POPA
    CATCH end
    CATCH 0
    RET
end:
    HALT

.function op_finally
    STACK_ALLOC 49
    POPA
    FINALLY end
    FINALLY 0
    RET
end:
    HALT

.function op_exception_ret
    STACK_ALLOC 49
    POPA
    EXCEPTION_RET R21

.function op_set_handler
    STACK_ALLOC 49
    POPA
    SET_HANDLER @on_trap
    RET

.function op_delegate
    STACK_ALLOC 49
    POPA
    DELEGATE R20, R21, R22, R23
    RET

.function op_tell
    STACK_ALLOC 49
    POPA
    TELL R21, R22, R23
    RET

.function op_ask
    STACK_ALLOC 49
    POPA
    ASK R20, R21, R22, R23
    RET

.function op_reply
    STACK_ALLOC 49
    POPA
    REPLY R21, R22
    RET

.function op_barrier
    STACK_ALLOC 49
    POPA
    BARRIER R21, R22, R23
    RET

.function op_spawn
    STACK_ALLOC 49
    POPA
    SPAWN R20, R21, R22
    RET

.function op_yield_agent
    STACK_ALLOC 49
    POPA
    YIELD_AGENT message
    RET

.function op_cap_grant
    STACK_ALLOC 49
    POPA
    CAP_GRANT R20, R21, R22
    RET

.function op_cap_check
    STACK_ALLOC 49
    POPA
    CAP_CHECK R20, R21, R22
    RET

.function op_cap_revoke
    STACK_ALLOC 49
    POPA
    CAP_REVOKE R21
    RET

.function op_agent_wait
    STACK_ALLOC 49
    POPA
    AGENT_WAIT R20, R21, R22
    RET

.function op_signal
    STACK_ALLOC 49
    POPA
    SIGNAL R21, R22
    RET

.function op_broadcast
    STACK_ALLOC 49
    POPA
    BROADCAST R20, R21, R22, R23
    RET

.function op_subscribe
    STACK_ALLOC 49
    POPA
    SUBSCRIBE R21
    RET

.function op_unsubscribe
    STACK_ALLOC 49
    POPA
    UNSUBSCRIBE R21
    RET

.function op_query
    STACK_ALLOC 49
    POPA
    QUERY R20, R21, capabilities
    RET

.function op_io_read
    STACK_ALLOC 49
    POPA
    IO_READ R20, R21
    RET

.function op_io_write
    STACK_ALLOC 49
    POPA
    IO_WRITE R21, R22
    RET

.function op_io_read8
    STACK_ALLOC 49
    POPA
    IO_READ8 R20, R21, R22
    RET

.function op_io_write8
    STACK_ALLOC 49
    POPA
    IO_WRITE8 R21, R22, R23
    RET

.function op_io_read16
    STACK_ALLOC 49
    POPA
    IO_READ16 R20, R21, R22
    RET

.function op_io_write16
    STACK_ALLOC 49
    POPA
    IO_WRITE16 R21, R22, R23
    RET

.function op_io_read32
    STACK_ALLOC 49
    POPA
    IO_READ32 R20, R21, R22
    RET

.function op_io_write32
    STACK_ALLOC 49
    POPA
    IO_WRITE32 R21, R22, R23
    RET

.function op_io_read64
    STACK_ALLOC 49
    POPA
    IO_READ64 R20, R21, R22
    RET

.function op_io_write64
    STACK_ALLOC 49
    POPA
    IO_WRITE64 R21, R22, R23
    RET

.function op_dma_read
    STACK_ALLOC 49
    POPA
    DMA_READ R21, R22, R23
    RET

.function op_dma_write
    STACK_ALLOC 49
    POPA
    DMA_WRITE R21, R22, R23
    RET

.function op_ioctl
    STACK_ALLOC 49
    POPA
    IOCTL R20, R21, R22, R23
    RET

.function op_mmap
    STACK_ALLOC 49
    POPA
    MMAP R20, R21, R22
    RET

.function op_munmap
    STACK_ALLOC 49
    POPA
    MUNMAP R21
    RET

.function op_poll
    STACK_ALLOC 49
    POPA
    POLL R20, R21, R22
    RET

.function op_tile_load
    STACK_ALLOC 49
    POPA
    TILE_LOAD R20, 0
    RET

.function op_tile_compose
    STACK_ALLOC 49
    POPA
    TILE_COMPOSE R20, R21, R22
    RET

.function op_tile_exec
    STACK_ALLOC 49
    POPA
    TILE_EXEC R20, R21, R22
    RET

.function op_region_create
    STACK_ALLOC 49
    POPA
    REGION_CREATE R20, R21, rws
    RET

.function op_region_destroy
    STACK_ALLOC 49
    POPA
    REGION_DESTROY R21
    RET

.function op_region_map
    STACK_ALLOC 49
    POPA
    REGION_MAP R20, R21, rws
    RET

.function op_adapt
    STACK_ALLOC 49
    POPA
    ADAPT R21
    RET

.function op_evolve
    STACK_ALLOC 49
    POPA
    EVOLVE R21
    RET

.function op_module_import
    STACK_ALLOC 49
    POPA
    MODULE_IMPORT R20, 1
    RET

.function op_module_export
    STACK_ALLOC 49
    POPA
    MODULE_EXPORT R21, 3
    RET

.function op_trace_on
    STACK_ALLOC 49
    POPA
    TRACE_ON
    RET

.function op_trace_off
    STACK_ALLOC 49
    POPA
    TRACE_OFF
    RET

.function op_prof_start
    STACK_ALLOC 49
    POPA
    PROF_START
    RET

.function op_prof_stop
    STACK_ALLOC 49
    POPA
    PROF_STOP
    RET

.function op_gas_init
    STACK_ALLOC 49
    POPA
    GAS_INIT R21
    RET

.function op_gas_check
    STACK_ALLOC 49
    POPA
    GAS_CHECK 5
    RET

.function op_native_call
    STACK_ALLOC 49
    POPA
    NATIVE_CALL R20, R21, R22
    RET

.function op_native_load
    STACK_ALLOC 49
    POPA
    NATIVE_LOAD R20, 0
    RET

.function op_vec_load
    STACK_ALLOC 49
    POPA
    VEC_LOAD R24, R21, -6
    RET

.function op_vec_store
    STACK_ALLOC 49
    POPA
    VEC_STORE R21, R32, -6
    RET

.function op_vec_add
    STACK_ALLOC 49
    POPA
    VEC_ADD R24, R28, R32
    RET

.function op_vec_mul
    STACK_ALLOC 49
    POPA
    VEC_MUL R24, R28, R32
    RET

.function op_vec_dot
    STACK_ALLOC 49
    POPA
    VEC_DOT R20, R28, R32
    RET

.function op_vec_splat
    STACK_ALLOC 49
    POPA
    VEC_SPLAT R24, R21
    RET

.function op_mov
    STACK_ALLOC 49
    POPA
    MOV R20, R21
    RET

.function op_movi
    STACK_ALLOC 49
    POPA
    MOVI R20, -6
    RET

.function op_movi64
    STACK_ALLOC 49
    POPA
    MOVI64 R20, 0x0123456789abcdef
    RET

.function op_select
    STACK_ALLOC 49
    POPA
    SELECT R20, R21, R22, R23
    RET

.function op_extend
    STACK_ALLOC 49
    POPA
    EXTEND R20, R21, z32
    RET

.function op_udiv
    STACK_ALLOC 49
    POPA
    UDIV R20, R21, R22
    RET

.function op_urem
    STACK_ALLOC 49
    POPA
    UREM R20, R21, R22
    RET

.function op_cmp_ltu
    STACK_ALLOC 49
    POPA
    CMP_LTU R20, R21, R22
    RET

.function op_cmp_leu
    STACK_ALLOC 49
    POPA
    CMP_LEU R20, R21, R22
    RET

.function op_mulh
    STACK_ALLOC 49
    POPA
    MULH R20, R21, R22, u
    RET

.function op_fmath1
    STACK_ALLOC 49
    POPA
    FMATH1 R20, R21, atan
    RET

.function op_fmath2
    STACK_ALLOC 49
    POPA
    FMATH2 R20, R21, R22, copysign
    RET

.function op_f32
    STACK_ALLOC 49
    POPA
    F32 R20, R21, R22, rem
    RET

.function op_convert
    STACK_ALLOC 49
    POPA
    CONVERT R20, R21, f32.u64
    RET

.function op_tadd
    STACK_ALLOC 49
    POPA
    TADD R20, R21, R22, u8
    RET

.function op_tsub
    STACK_ALLOC 49
    POPA
    TSUB R20, R21, R22, u8
    RET

.function op_tmul
    STACK_ALLOC 49
    POPA
    TMUL R20, R21, R22, u8
    RET

.function op_tneg
    STACK_ALLOC 49
    POPA
    TNEG R20, R21, u8
    RET

.function op_taddi
    STACK_ALLOC 49
    POPA
    TADDI R20, R21, -6
    RET

.function op_brnz
    STACK_ALLOC 49
    POPA
    BRNZ R21, end
    RET
end:
    HALT

.function op_brz
    STACK_ALLOC 49
    POPA
    BRZ R21, end
    RET
end:
    HALT

.function op_br_eq
    STACK_ALLOC 49
    POPA
    BR_EQ R21, R22, end
    RET
end:
    HALT

.function op_br_ne
    STACK_ALLOC 49
    POPA
    BR_NE R21, R22, end
    RET
end:
    HALT

.function op_br_lt
    STACK_ALLOC 49
    POPA
    BR_LT R21, R22, end
    RET
end:
    HALT

.function op_br_le
    STACK_ALLOC 49
    POPA
    BR_LE R21, R22, end
    RET
end:
    HALT

.function op_br_ltu
    STACK_ALLOC 49
    POPA
    BR_LTU R21, R22, end
    RET
end:
    HALT

.function op_br_leu
    STACK_ALLOC 49
    POPA
    BR_LEU R21, R22, end
    RET
end:
    HALT

.function op_br_cmpi
    STACK_ALLOC 49
    POPA
    BR_CMPI R21, geu, -6, end
    RET
end:
    HALT

.function op_memcpy
    STACK_ALLOC 49
    POPA
    MEMCPY R21, R22, R23
    RET

.function op_memcmp
    STACK_ALLOC 49
    POPA
    MEMCMP R20, R21, R22, R23
    RET

.function op_alloc
    STACK_ALLOC 49
    POPA
    ALLOC R20, R21, state
    RET

.function op_state_free
    STACK_ALLOC 49
    POPA
    STATE_FREE R21
    RET

.function op_loadx
    STACK_ALLOC 49
    POPA
    LOADX R20, R21, R22, s32, 3, -6
    RET

.function op_storex
    STACK_ALLOC 49
    POPA
    STOREX R21, R22, R23, s32, 3, -6
    RET

.function op_index_check
    STACK_ALLOC 49
    POPA
    INDEX_CHECK R21, R22
    RET

.function op_slot_get
    STACK_ALLOC 49
    POPA
    STACK_ALLOC 1
    SLOT_GET R20, 0
    STACK_FREE 1
    RET

.function op_slot_set
    STACK_ALLOC 49
    POPA
    STACK_ALLOC 1
    SLOT_SET R21, 0
    STACK_FREE 1
    RET

.function op_recv
    STACK_ALLOC 49
    POPA
    RECV R20, R21, R22
    RET

.function op_param
    STACK_ALLOC 49
    POPA
    PARAM R20, 0
    RET

.function op_link
    STACK_ALLOC 49
    POPA
    LINK R20, 0
    RET

.function op_pacer
    STACK_ALLOC 49
    POPA
    PACER R20, 0
    RET

.function op_metric
    STACK_ALLOC 49
    POPA
    METRIC R21, R22
    RET

.function op_log
    STACK_ALLOC 49
    POPA
    LOG R21, debug
    RET

.function op_random
    STACK_ALLOC 49
    POPA
    RANDOM R20
    RET

.function op_ticks
    STACK_ALLOC 49
    POPA
    TICKS R20, gas
    RET

.function op_text
    STACK_ALLOC 49
    POPA
    TEXT R20, R21, R22, index
    RET

.function op_leax
    STACK_ALLOC 49
    POPA
    LEAX R20, R21, R22, 3, -6
    RET

.function op_expect
    STACK_ALLOC 49
    POPA
    EXPECT R21
    RET
