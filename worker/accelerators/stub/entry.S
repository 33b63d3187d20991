// Where the kernel begins an emulator that has the stub: if the stub comes back, the emulator's own entry is next, with
// registers as the kernel gave them, and the stack where the stub says.

  .section .text.entry, "ax"
  .globl stub_image
stub_image:
  // Filled in when the stub is put into an emulator: the way from here to its own entry.
  .quad 0
  .quad 0
  // The new entry, 16 bytes behind the begin (emulator_copy.cc).
  mov %rdx, %r12
  mov %rsp, %rdi
  xor %ebp, %ebp
  // Four words below what the kernel laid down are for the stub to fill in.
  sub $32, %rsp
  and $-16, %rsp
  call stub_main
  mov %rax, %rsp
  mov %r12, %rdx
  lea stub_image(%rip), %rax
  add (%rax), %rax
  xor %r12d, %r12d
  jmp *%rax

  .section .note.GNU-stack, "", @progbits
