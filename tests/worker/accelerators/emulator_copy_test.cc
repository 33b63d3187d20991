#include "worker/accelerators/emulator_copy.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <optional>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "tests/support/status_matchers.h"
#include "tests/worker/accelerators/real_emulator.h"

namespace crossmill::worker {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kProgramEntry = 0x1234;

Elf64_Phdr Segment(uint32_t type, uint64_t address, uint64_t size) {
  Elf64_Phdr segment{};
  segment.p_type = type;
  segment.p_vaddr = segment.p_offset = address;
  segment.p_filesz = segment.p_memsz = size;
  return segment;
}

// A program of headers only, with as many bytes behind them.
std::string Program(const std::vector<Elf64_Phdr>& segments, uint16_t type = ET_DYN) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = type;
  header.e_machine = EM_X86_64;
  header.e_entry = kProgramEntry;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<uint16_t>(segments.size());
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes.append(reinterpret_cast<const char*>(segments.data()), segments.size() * sizeof(Elf64_Phdr));
  return bytes + std::string(5000, 'x');
}

std::vector<Elf64_Phdr> SegmentsOf(const std::string& program) {
  Elf64_Ehdr header;
  std::memcpy(&header, program.data(), sizeof(header));
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  std::memcpy(segments.data(), program.data() + header.e_phoff, segments.size() * sizeof(Elf64_Phdr));
  return segments;
}

const std::string kSomeStub = std::string(16, '\0') + "code of the stub";

TEST(AddStubTest, TheStubTakesTheLastNotesPlaceBehindEverythingElse) {
  const std::string program = Program({Segment(PT_LOAD, 0, 0x5000), Segment(PT_NOTE, 0x100, 0x20),
                                       Segment(PT_NOTE, 0x200, 0x20), Segment(PT_TLS, 0x300, 8)});
  const auto copy = AddStub(program, kSomeStub);
  ASSERT_OK(copy);
  const std::vector<Elf64_Phdr> segments = SegmentsOf(*copy);
  EXPECT_EQ(segments[1].p_type, static_cast<uint32_t>(PT_NOTE));
  const Elf64_Phdr& added = segments[2];
  EXPECT_EQ(added.p_type, static_cast<uint32_t>(PT_LOAD));
  EXPECT_EQ(added.p_flags, static_cast<uint32_t>(PF_R | PF_X));
  EXPECT_EQ(added.p_vaddr, 0x5000u);
  EXPECT_EQ(added.p_vaddr % 4096, added.p_offset % 4096);
  ASSERT_EQ(added.p_offset + added.p_filesz, copy->size());
  EXPECT_EQ(copy->substr(added.p_offset + 16), "code of the stub");
  Elf64_Ehdr header;
  std::memcpy(&header, copy->data(), sizeof(header));
  EXPECT_EQ(header.e_entry, added.p_vaddr + 16);
  // From where it is loaded to where the program itself begins.
  uint64_t way = 0;
  std::memcpy(&way, copy->data() + added.p_offset, sizeof(way));
  EXPECT_EQ(added.p_vaddr + way, kProgramEntry);
  // Nothing else changed.
  EXPECT_EQ(copy->substr(sizeof(header) + 4 * sizeof(Elf64_Phdr), 5000), std::string(5000, 'x'));
}

TEST(AddStubTest, ProgramsOfOtherKindsAreRefused) {
  const std::vector<Elf64_Phdr> usual = {Segment(PT_LOAD, 0, 0x5000), Segment(PT_NOTE, 0x100, 0x20)};
  EXPECT_TRUE(absl::IsInvalidArgument(AddStub("#!/bin/sh\n", kSomeStub).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(AddStub(Program(usual, ET_EXEC), kSomeStub).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(AddStub(Program(usual).substr(0, 100), kSomeStub).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(AddStub(Program(usual), "").status()));
  EXPECT_THAT(
      AddStub(Program({Segment(PT_LOAD, 0, 9), Segment(PT_INTERP, 0, 9)}), kSomeStub).status().ToString(),
      HasSubstr("linked dynamically"));
  EXPECT_THAT(AddStub(Program({Segment(PT_LOAD, 0, 9)}), kSomeStub).status().ToString(),
              HasSubstr("no note"));
}

TEST(AddStubTest, AnEmulatorWithTheRealStubIsTheEmulatorStill) {
  if (EmbeddedStub().empty()) GTEST_SKIP() << "there is no stub for this machine";
  const auto emulator = ReadFile(kQemu);
  if (!emulator.ok()) GTEST_SKIP() << kQemu << " is not installed";
  const auto copy = AddStub(*emulator, EmbeddedStub());
  ASSERT_OK(copy);
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  ASSERT_OK(WriteFileAtomic(folder->Path("emulator"), *copy, 0755));
  std::vector<std::string> said;
  for (const std::string& program : {std::string(kQemu), folder->Path("emulator")}) {
    ProcessOptions options;
    options.argv = {program, "--version"};
    const auto result = RunProcess(options);
    ASSERT_OK(result);
    EXPECT_EQ(result->exit_code, 0);
    said.push_back(result->stdout_text);
  }
  EXPECT_FALSE(said[0].empty());
  EXPECT_EQ(said[0], said[1]);
}

}  // namespace
}  // namespace crossmill::worker
