// A root to copy into, for tests of COPY and ADD: in a user namespace of its own.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/namespaces.h"
#include "tests/support/status_matchers.h"
#include "worker/tree/copier.h"
#include "worker/tree/file_metadata.h"

namespace crossmill::worker {

namespace reapi = ::build::bazel::remote::execution::v2;

constexpr int64_t kClamp = 1'600'000'000;

// A root to copy into, a context in a blob store, and the COPY that is being put together.
struct Workplace {
  explicit Workplace(const std::string& folder) : root(folder + "/root"), blobs(MakeMemoryBlobStore()) {
    EXPECT_OK(MakeFolders(root + "/etc"));
    EXPECT_OK(WriteFileAtomic(root + "/etc/passwd", "app:x:1000:1001::/:\n"));
    EXPECT_OK(WriteFileAtomic(folder + "/outside", "untouched"));
  }
  Digest Put(std::string_view bytes) {
    auto digest = blobs->PutBytes(bytes);
    EXPECT_OK(digest);
    return *digest;
  }
  v1::ContextMatch* Match(std::string_view name) {
    if (copy.sources().empty()) {
      copy.add_sources()->mutable_context();
      copy.mutable_sources(0)->set_text("src");
    }
    v1::ContextMatch* match = copy.mutable_sources(0)->mutable_context()->add_matches();
    match->set_name(std::string(name));
    match->set_unix_mode(0640);
    return match;
  }
  void File(std::string_view name, std::string_view content) {
    ToProto(Put(content), Match(name)->mutable_file());
  }
  // sub/{script (0755), link -> script, inner/} with modes of their own.
  void Folder(std::string_view name) {
    reapi::Directory inner;
    inner.mutable_node_properties()->mutable_unix_mode()->set_value(0700);
    reapi::Directory directory;
    directory.mutable_node_properties()->mutable_unix_mode()->set_value(0750);
    directory.mutable_node_properties()->mutable_mtime()->set_seconds(77);
    reapi::FileNode* file = directory.add_files();
    file->set_name("script");
    ToProto(Put("#!"), file->mutable_digest());
    file->mutable_node_properties()->mutable_unix_mode()->set_value(0755);
    file->mutable_node_properties()->mutable_mtime()->set_seconds(78);
    reapi::DirectoryNode* node = directory.add_directories();
    node->set_name("inner");
    ToProto(Put(inner.SerializeAsString()), node->mutable_digest());
    reapi::SymlinkNode* link = directory.add_symlinks();
    link->set_name("link");
    link->set_target("script");
    ToProto(Put(directory.SerializeAsString()), Match(name)->mutable_directory());
  }
  // {first, sub/second, zero} that are one file by their property, and `extra` beside them that is not.
  void HardLinks(std::string_view name, std::string_view extra) {
    const auto add = [&](reapi::Directory& directory, const char* file_name, std::string_view content) {
      reapi::FileNode* file = directory.add_files();
      file->set_name(file_name);
      ToProto(Put(content), file->mutable_digest());
      file->mutable_node_properties()->mutable_unix_mode()->set_value(0640);
      return file->mutable_node_properties();
    };
    const auto add_shared = [&](reapi::Directory& directory, const char* file_name) {
      reapi::NodeProperty* property = add(directory, file_name, "shared")->add_properties();
      property->set_name("hardlink");
      property->set_value("src/first");
    };
    reapi::Directory sub, directory;
    sub.mutable_node_properties()->mutable_unix_mode()->set_value(0750);
    add_shared(sub, "second");
    add(directory, "alone", "shared");
    if (extra.empty()) {
      add_shared(directory, "first");
    } else {
      add(directory, "first", extra);
    }
    add_shared(directory, "zero");
    reapi::DirectoryNode* node = directory.add_directories();
    node->set_name("sub");
    ToProto(Put(sub.SerializeAsString()), node->mutable_digest());
    ToProto(Put(directory.SerializeAsString()), Match(name)->mutable_directory());
  }
  bool SameFile(const std::string& a, const std::string& b) const {
    struct stat first, second;
    return lstat((root + a).c_str(), &first) == 0 && lstat((root + b).c_str(), &second) == 0 &&
           first.st_ino == second.st_ino && first.st_dev == second.st_dev;
  }
  absl::Status Run(std::string_view destination, bool keep_times = false) {
    copy.set_destination(std::string(destination));
    for (v1::CopySource& source : *copy.mutable_sources()) source.set_extract(extract);
    return ExecuteCopy(copy, root, kClamp, keep_times, *blobs);
  }
  // "file 640 0:0 1600000000 content", or "nothing".
  std::string At(const std::string& path) const {
    const auto found = InspectFile(root + path, path);
    if (!found.ok() || !*found) return "nothing";
    const layer::TarEntry& entry = (*found)->entry;
    std::string text =
        fmt::format("{} {:o} {}:{} {}", layer::EntryTypeName(entry.type), entry.mode, entry.uid, entry.gid,
                    entry.mtime == kClamp ? "clamp" : std::to_string(entry.mtime));
    if (entry.type == layer::EntryType::kFile) text += " " + ReadFile(root + path).value_or("unreadable");
    if (entry.type == layer::EntryType::kSymlink) text += " " + entry.link;
    return text;
  }

  std::string root;
  std::unique_ptr<BlobStore> blobs;
  v1::Copy copy;
  bool extract = false;
};

class CopierTest : public testing::Test {
 protected:
  std::optional<std::string> Run(const std::function<void(Workplace&)>& body) {
    return RunInNamespaces(Privilege::kUserNamespace, Disk::kTemporaryFolder, [&](const std::string& folder) {
      Workplace place(folder);
      body(place);
      EXPECT_EQ("untouched", ReadFile(folder + "/outside").value_or("gone"));
    });
  }
};

// Runs the body with a Workplace, or skips the test where there are no user namespaces.
#define RUN_HERE(...) \
  if (auto reason = Run(__VA_ARGS__)) GTEST_SKIP() << *reason

}  // namespace crossmill::worker
