//! From the loader's 32-bit mode to 64-bit Rust.
//!
//! The loader (Xen's PVH boot ABI, `docs/misc/pvh.html`) finds the entry in an
//! ELF note and enters it in 32-bit protected mode without paging, the physical
//! address of the start information in `ebx`. The code maps 4 GiB at their own
//! addresses, switches on SSE, long mode and the no-execute bit, and calls
//! [`super::main`] on the kernel's stack.
//!
//! Bits: CR4 PAE 5, OSFXSR 9, OSXMMEXCPT 10; EFER LME 8, NXE 11; CR0 PE 0, MP 1,
//! EM 2, TS 3, WP 16, PG 31 (Intel SDM volume 3, section 2.5).

core::arch::global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .balign 4
    .long 4
    .long 8
    .long 18
    .asciz "Xen"
    .balign 4
    .quad pvh_start

    .section .bss.boot_tables, "aw", @nobits
    .balign 4096
boot_level_4:
    .skip 4096
boot_level_3:
    .skip 4096
boot_level_2:
    .skip 4 * 4096

    .section .rodata.boot_gdt, "a"
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9a000000ffff
    .quad 0x00cf92000000ffff
boot_gdt_end:
boot_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long boot_gdt

    .section .text.boot, "ax"
    .code32
    .global pvh_start
pvh_start:
    cli
    cld
    mov esp, offset __stack_top

    mov eax, offset boot_level_3
    or eax, 3
    mov dword ptr [boot_level_4], eax
    mov eax, offset boot_level_2
    or eax, 3
    mov edi, offset boot_level_3
    mov ecx, 4
2:  mov dword ptr [edi], eax
    add eax, 4096
    add edi, 8
    dec ecx
    jnz 2b

    mov edi, offset boot_level_2
    mov eax, 0x83
    mov ecx, 2048
3:  mov dword ptr [edi], eax
    add eax, 0x200000
    add edi, 8
    dec ecx
    jnz 3b

    mov eax, offset boot_level_4
    mov cr3, eax
    mov eax, cr4
    or eax, 0x620
    mov cr4, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x900
    wrmsr
    mov eax, cr0
    and eax, 0xfffffff3
    or eax, 0x80010003
    mov cr0, eax
    lgdt [boot_gdt_pointer]
    push 8
    mov eax, offset long_mode
    push eax
    retf

    .code64
long_mode:
    mov eax, 16
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov rsp, offset __stack_top
    xor ebp, ebp
    mov edi, ebx
    call {main}
    ud2
"#,
    main = sym super::main,
);
