// Where the kernel begins an emulator that has the stub: if the stub comes back, the emulator's own entry is next, with
// stack and registers as the kernel gave them.

  .section .text.entry, "ax"
  .globl stub_image
stub_image:
  // Filled in when the stub is put into an emulator: the way from here to its own entry.
  .quad 0
  .quad 0
  // The new entry, 16 bytes behind the begin (emulator_copy.cc).
  mov %rsp, %rbx
  mov %rdx, %r12
  mov %rsp, %rdi
  xor %ebp, %ebp
  and $-16, %rsp
  call stub_main
  mov %rbx, %rsp
  mov %r12, %rdx
  lea stub_image(%rip), %rax
  add (%rax), %rax
  xor %ebx, %ebx
  xor %r12d, %r12d
  jmp *%rax

  .section .note.GNU-stack, "", @progbits
