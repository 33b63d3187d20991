#include "coordinator/buildkit/files/context_tree.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

class ContextTreeTest : public testing::Test {
 protected:
  void SetUp() override {
    reapi::Directory inner;
    AddFile("f", "inner\n", &inner);
    AddLink("up", "../top", &inner);
    reapi::Directory root;
    AddFile("top", "top\n", &root);
    AddLink("link", "d/f", &root);
    AddLink("absolute", "/d/f", &root);
    AddLink("out", "../../etc/passwd", &root);
    AddLink("loop", "loop", &root);
    reapi::DirectoryNode& node = *root.add_directories();
    node.set_name("d");
    ToProto(*blobs_->PutBytes(inner.SerializeAsString()), node.mutable_digest());
    root_ = *blobs_->PutBytes(root.SerializeAsString());
  }

  void AddFile(const std::string& name, const std::string& text, reapi::Directory* folder) {
    reapi::FileNode& node = *folder->add_files();
    node.set_name(name);
    ToProto(*blobs_->PutBytes(text), node.mutable_digest());
  }
  static void AddLink(const std::string& name, const std::string& target, reapi::Directory* folder) {
    reapi::SymlinkNode& node = *folder->add_symlinks();
    node.set_name(name);
    node.set_target(target);
  }
  absl::StatusOr<std::string> Read(const std::string& path) {
    return ReadTreeFile(*blobs_, root_, path, 100);
  }

  const std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  Digest root_;
};

TEST_F(ContextTreeTest, FilesByTheirPaths) {
  EXPECT_EQ(*Read("top"), "top\n");
  EXPECT_EQ(*Read("/d/./f"), "inner\n");
  EXPECT_EQ(*Read("d/../top"), "top\n");
}

TEST_F(ContextTreeTest, LinksAreFollowedInTheTree) {
  EXPECT_EQ(*Read("link"), "inner\n");
  EXPECT_EQ(*Read("absolute"), "inner\n");
  EXPECT_EQ(*Read("d/up"), "top\n");
}

TEST_F(ContextTreeTest, LinksOutOfItAndRoundAreErrors) {
  EXPECT_TRUE(absl::IsInvalidArgument(Read("out").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Read("loop").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Read("../x").status()));
}

TEST_F(ContextTreeTest, WhatIsNotThereIsSaidInTheWordsThatClientsKnow) {
  for (const char* path : {"none", "top/x", "d/none"}) {
    const absl::Status status = Read(path).status();
    EXPECT_TRUE(absl::IsNotFound(status)) << path;
    EXPECT_NE(status.message().find("no such file"), absl::string_view::npos) << path;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Read("d").status()));
}

TEST_F(ContextTreeTest, FilesHaveABound) {
  EXPECT_TRUE(absl::IsResourceExhausted(ReadTreeFile(*blobs_, root_, "top", 2).status()));
}

TEST_F(ContextTreeTest, TheRootIsAFolder) {
  const auto entry = FindInTree(*blobs_, root_, "");
  ASSERT_OK(entry);
  EXPECT_EQ(entry->kind, TreeEntry::Kind::kFolder);
  EXPECT_EQ(entry->digest, root_);
}

TEST_F(ContextTreeTest, ATreeOfOneFile) {
  const Digest file = *blobs_->PutBytes("x");
  const auto tree = TreeOfFile(*blobs_, "name", file);
  ASSERT_OK(tree);
  EXPECT_EQ(*ReadTreeFile(*blobs_, *tree, "name", 10), "x");
  EXPECT_OK(EmptyTree(*blobs_).status());
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
