// Golden digests: a change here makes every cache of every farm worthless, so it needs a new kKeyVersion.
#include "common/plan/step_key.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/status.h"
#include "common/words/platform.h"
#include "tests/support/golden.h"

namespace crossmill::plan {
namespace {

v1::Step Step(std::string_view text) {
  v1::Step step;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &step)) << text;
  return step;
}

const char kRun[] = R"(number: 2 instruction: "RUN" text: "RUN make" clamp_time: 1700000002
  run { argv: "/bin/sh" argv: "-c" argv: "make" env: "PATH=/bin" env: "A=1" cwd: "/src" user: "app" network: NETWORK_MODE_NONE
        files { name: "F" content: "x" mode: 493 } })";
const char kCopy[] = R"(clamp_time: 5 copy { destination: "/d/" chown: "1:2" chmod: "0644" link: true
  sources { text: "a" context { matches { name: "a" path: "p/a" file { hash: "$1" size_bytes: 1 } unix_mode: 420 mtime: 9 }
                                matches { name: "l" path: "l" symlink_target: "t" unix_mode: 511 parent_modes: 488 } } }
  sources { text: "b" export { stage: 3 export { pattern: "/b" } blob { hash: "$2" size_bytes: 2 } } }
  sources { text: "<<F" inline_file { name: "F" content: "hello\n" mode: 420 } } })";
const char kWorkdir[] = R"(clamp_time: 1 workdir { path: "/w" user: "1000" })";

std::string WithDigests(std::string text) {
  for (const char* name : {"$1", "$2"}) text.replace(text.find(name), 2, Sha256Hex(name));
  return text;
}

std::string Key(const v1::Step& step, std::optional<int64_t> epoch = 1700000002) {
  const Digest parents[] = {DigestOf("one"), DigestOf("two")};
  return StepKey(*ParsePlatform("linux/arm64"), parents, step, epoch);
}

TEST(StepKeyTest, KeysAreTheDocumentedBytes) {
  v1::Export wanted;
  wanted.set_pattern("/root/.local");
  wanted.add_excludes("*.pyc");
  const Digest parents[] = {DigestOf("one")};
  ExpectGolden(CROSSMILL_GOLDEN_FOLDER "/plans", "step_keys",
               fmt::format("run {}\ncopy {}\nworkdir {}\nexport {}\n", Key(Step(kRun)),
                           Key(Step(WithDigests(kCopy))), Key(Step(kWorkdir)), ExportKey(parents, wanted)));
}

// The bytes themselves, once by hand, so that the golden digest is not the only witness.
TEST(StepKeyTest, WorkdirKeyIsTheHashOfItsFieldsWrittenByHand) {
  const auto number = [](uint64_t value) {
    std::string bytes;
    for (int i = 0; i < 8; ++i, value >>= 8) bytes += static_cast<char>(value & 0xff);
    return bytes;
  };
  const auto text = [&](char tag, std::string_view value) {
    return tag + number(value.size()) + std::string(value);
  };
  const auto integer = [&](char tag, uint64_t value) { return tag + number(8) + number(value); };
  const std::string bytes = text('H', "crossmill-step-key") + integer('V', 5) + integer('S', 2) +
                            text('P', "linux/amd64") + integer('L', 0) + integer('C', 1) +
                            text('K', std::string_view("\0", 1)) + text('A', "workdir") + text('D', "/w") +
                            text('u', "1000");
  EXPECT_EQ(StepKey(*ParsePlatform("linux/amd64"), {}, Step(kWorkdir), std::nullopt), Sha256Hex(bytes));
}

TEST(StepKeyTest, WhatOnlyPeopleSeeIsNotInIt) {
  v1::Step step = Step(kRun);
  const std::string key = Key(step);
  step.set_number(9);
  step.set_text("other");
  step.mutable_range()->set_first_line(7);
  step.mutable_run()->add_proxy_env("HTTP_PROXY=x");
  EXPECT_EQ(Key(step), key);
  v1::Step copy = Step(WithDigests(kCopy));
  const std::string copy_key = Key(copy);
  copy.mutable_copy()->mutable_sources(0)->set_text("other");
  copy.mutable_copy()->mutable_sources(0)->mutable_context()->mutable_matches(0)->set_path("other");
  copy.mutable_copy()->mutable_sources(0)->mutable_context()->mutable_matches(0)->set_mtime(99);
  copy.mutable_copy()->mutable_sources(1)->mutable_export_()->set_stage(8);
  EXPECT_EQ(Key(copy), copy_key);
  // Only commands see the variable.
  EXPECT_EQ(Key(copy, std::nullopt), copy_key);
  EXPECT_NE(Key(step, std::nullopt), key);
}

TEST(StepKeyTest, EverythingElseIsInIt) {
  std::set<std::string> keys{Key(Step(kRun))};
  const auto changed = [&](const std::function<void(v1::Run&, v1::Step&)>& change) {
    v1::Step step = Step(kRun);
    change(*step.mutable_run(), step);
    EXPECT_TRUE(keys.insert(Key(step)).second) << step.DebugString();
  };
  changed([](v1::Run& run, v1::Step&) { run.set_argv(2, "make x"); });
  changed([](v1::Run& run, v1::Step&) { run.add_env("B=1"); });
  // A list's end is not its neighbour's beginning.
  changed([](v1::Run& run, v1::Step&) {
    run.add_argv("PATH=/bin"), run.mutable_env()->erase(run.env().begin());
  });
  changed([](v1::Run& run, v1::Step&) { run.set_cwd("/"); });
  changed([](v1::Run& run, v1::Step&) { run.set_user(""); });
  changed([](v1::Run& run, v1::Step&) { run.set_network(v1::NETWORK_MODE_HOST); });
  changed([](v1::Run& run, v1::Step&) { run.mutable_files(0)->set_content("y"); });
  changed([](v1::Run& run, v1::Step&) { run.add_extra_hosts("10.0.0.1 db"); });
  changed([](v1::Run& run, v1::Step&) { run.set_shm_size(1); });
  changed([](v1::Run& run, v1::Step&) { run.set_hostname("a"); });
  changed([](v1::Run& run, v1::Step&) { run.add_ulimits()->set_name("nofile"); });
  changed([](v1::Run& run, v1::Step&) { run.add_ulimits()->set_soft(1); });
  changed([](v1::Run& run, v1::Step&) { run.add_ulimits()->set_hard(1); });
  changed([](v1::Run& run, v1::Step&) { run.add_normalize("apt-logs"); });
  changed([](v1::Run& run, v1::Step&) { run.add_normalize("machine-id"); });
  changed([](v1::Run& run, v1::Step&) { run.add_normalize("apt-logs"), run.add_normalize("machine-id"); });
  changed([](v1::Run&, v1::Step& step) { step.set_clamp_time(1); });
  changed([](v1::Run&, v1::Step& step) { step.set_keep_times(true); });
  const Digest parents[] = {DigestOf("two"), DigestOf("one")};
  EXPECT_TRUE(keys.insert(StepKey(*ParsePlatform("linux/arm64"), parents, Step(kRun), 1700000002)).second);
  EXPECT_TRUE(keys.insert(StepKey(*ParsePlatform("linux/amd64"), parents, Step(kRun), 1700000002)).second);
  EXPECT_TRUE(keys.insert(StepKey(*ParsePlatform("linux/arm64"), {}, Step(kRun), 1700000002)).second);
}

TEST(StepKeyTest, EverythingOfAMountIsInIt) {
  const char* const mounts[] = {
      "",
      "mounts { type: TYPE_BIND target: '/t' }",
      "mounts { type: TYPE_TMPFS target: '/t' }",
      "mounts { type: TYPE_TMPFS target: '/t' size: 9 }",
      "mounts { type: TYPE_TMPFS target: '/u' }",
      "mounts { type: TYPE_TMPFS target: '/t' } mounts { type: TYPE_TMPFS target: '/u' }",
      "mounts { type: TYPE_BIND target: '/t' read_only: true }",
      "mounts { type: TYPE_BIND target: '/t' source { context { matches { name: 'a' file { hash: 'aa' } } } "
      "} }",
      "mounts { type: TYPE_BIND target: '/t' source { context { matches { name: 'a' file { hash: 'bb' } } } "
      "} }",
      "mounts { type: TYPE_BIND target: '/t' source { export { blob { hash: 'aa' } } } }",
      "mounts { type: TYPE_CACHE target: '/t' id: 'a' }",
      "mounts { type: TYPE_CACHE target: '/t' id: 'b' }",
      "mounts { type: TYPE_CACHE target: '/t' id: 'a' sharing: SHARING_LOCKED }",
      "mounts { type: TYPE_CACHE target: '/t' id: 'a' mode: 448 }",
      "mounts { type: TYPE_CACHE target: '/t' id: 'a' uid: 1 }",
      "mounts { type: TYPE_CACHE target: '/t' id: 'a' gid: 1 }",
      "mounts { type: TYPE_CACHE target: '/t' id: 'a' cache_path: '/p' }",
      "mounts { type: TYPE_SECRET id: 'a' }",
      "mounts { type: TYPE_SECRET id: 'a' env: 'A' }",
      "mounts { type: TYPE_SECRET id: 'a' required: true }",
      "mounts { type: TYPE_SSH id: 'a' }",
  };
  std::set<std::string> keys;
  for (const char* text : mounts) {
    const v1::Step step = Step(std::string("run { argv: 'x' ") + text + "}");
    EXPECT_TRUE(keys.insert(Key(step)).second) << text;
  }
}

TEST(StepKeyTest, CopiedContentIsInItAndTimesOnlyWhenTheyAreKept) {
  const v1::Step original = Step(WithDigests(kCopy));
  std::set<std::string> keys{Key(original)};
  const auto changed = [&](const std::function<void(v1::Copy&)>& change) {
    v1::Step step = original;
    change(*step.mutable_copy());
    EXPECT_TRUE(keys.insert(Key(step)).second) << step.DebugString();
  };
  const auto match = [](v1::Copy& copy) {
    return copy.mutable_sources(0)->mutable_context()->mutable_matches(0);
  };
  changed([](v1::Copy& copy) { copy.set_destination("/d"); });
  changed([](v1::Copy& copy) { copy.set_chown(""); });
  changed([](v1::Copy& copy) { copy.set_chmod("0600"); });
  changed([](v1::Copy& copy) { copy.mutable_sources(0)->set_extract(true); });
  changed([](v1::Copy& copy) { copy.set_link(false); });
  changed([](v1::Copy& copy) { copy.set_parents(true); });
  changed([&](v1::Copy& copy) { match(copy)->set_name("b"); });
  changed([&](v1::Copy& copy) { match(copy)->set_unix_mode(493); });
  changed([&](v1::Copy& copy) { match(copy)->add_parent_modes(493); });
  changed([&](v1::Copy& copy) { match(copy)->add_parent_modes(448); });
  changed([&](v1::Copy& copy) { match(copy)->mutable_file()->set_hash(Sha256Hex("new")); });
  changed([&](v1::Copy& copy) {
    *match(copy)->mutable_directory() = match(copy)->file();
    match(copy)->clear_file();
  });
  changed([](v1::Copy& copy) { copy.mutable_sources()->SwapElements(0, 1); });
  changed([](v1::Copy& copy) {
    copy.mutable_sources(1)->mutable_export_()->mutable_blob()->set_hash(Sha256Hex("n"));
  });
  changed([](v1::Copy& copy) { copy.mutable_sources(2)->mutable_inline_file()->set_content("bye"); });
  v1::Step kept = original;
  kept.set_keep_times(true);
  const std::string before = Key(kept);
  match(*kept.mutable_copy())->set_mtime(10);
  EXPECT_NE(Key(kept), before);
}

}  // namespace
}  // namespace crossmill::plan
