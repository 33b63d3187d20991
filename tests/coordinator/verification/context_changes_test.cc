#include "coordinator/verification/context_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"

namespace crossmill::coordinator {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class ContextChangesTest : public ::testing::Test {
 protected:
  // Files by name with their contents, and folders by name.
  reapi::Digest Folder(const std::map<std::string, std::string>& files,
                       const std::map<std::string, reapi::Digest>& folders = {}, uint32_t mode = 0644) {
    reapi::Directory directory;
    for (const auto& [name, content] : files) {
      reapi::FileNode& file = *directory.add_files();
      file.set_name(name);
      ToProto(DigestOf(content), file.mutable_digest());
      file.mutable_node_properties()->mutable_unix_mode()->set_value(mode);
    }
    for (const auto& [name, digest] : folders) {
      reapi::DirectoryNode& folder = *directory.add_directories();
      folder.set_name(name);
      *folder.mutable_digest() = digest;
    }
    reapi::Digest digest;
    ToProto(blobs_->PutBytes(directory.SerializeAsString()).value(), &digest);
    return digest;
  }
  static v1::Recipe RecipeOf(const reapi::Digest& root) {
    v1::Recipe recipe;
    *recipe.mutable_context_root() = root;
    return recipe;
  }
  v1::BuildChanges Compare(const v1::Recipe& before, const v1::Recipe& now,
                           const ContextLimits& limits = {}) {
    v1::BuildChanges changes;
    AddContextChanges(before, now, *blobs_, limits, &changes);
    return changes;
  }
  static std::vector<std::string> Paths(const v1::BuildChanges& changes) {
    std::vector<std::string> paths;
    for (const v1::ContextChange& change : changes.context())
      paths.push_back(v1::ContextChange::Kind_Name(change.kind()).substr(5) + " " + change.path());
    return paths;
  }

  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
};

TEST_F(ContextChangesTest, FilesAreToldByPathAndKind) {
  const auto before =
      RecipeOf(Folder({{"a", "1"}, {"gone", "1"}, {"same", "1"}}, {{"sub", Folder({{"b", "1"}})}}));
  const auto now =
      RecipeOf(Folder({{"a", "2"}, {"new", "1"}, {"same", "1"}}, {{"sub", Folder({{"b", "2"}})}}));
  const v1::BuildChanges changes = Compare(before, now);
  EXPECT_THAT(Paths(changes),
              UnorderedElementsAre("CONTENT a", "REMOVED gone", "ADDED new", "CONTENT sub/b"));
  EXPECT_EQ(changes.context_total(), 4);
  EXPECT_EQ(changes.context_problem(), "");
}

TEST_F(ContextChangesTest, OnlyAModeIsAModeAndNothingIsNothing) {
  EXPECT_THAT(
      Paths(Compare(RecipeOf(Folder({{"a", "1"}}, {}, 0644)), RecipeOf(Folder({{"a", "1"}}, {}, 0755)))),
      UnorderedElementsAre("MODE a"));
  EXPECT_EQ(Compare(RecipeOf(Folder({{"a", "1"}})), RecipeOf(Folder({{"a", "1"}}))).ByteSizeLong(), 0);
}

TEST_F(ContextChangesTest, AFolderThatIsGoneFromTheStoreIsSaid) {
  reapi::Digest lost;
  ToProto(DigestOf("never stored"), &lost);
  const v1::BuildChanges changes = Compare(RecipeOf(lost), RecipeOf(Folder({{"a", "1"}})));
  EXPECT_THAT(changes.context_problem(), HasSubstr("no longer in the farm's store"));
}

TEST_F(ContextChangesTest, WhatIsOverTheLimitsIsCountedOrSaid) {
  std::map<std::string, std::string> many;
  for (int i = 0; i < 30; ++i) many["f" + std::to_string(i)] = "x";
  const auto empty = RecipeOf(Folder({}));
  v1::BuildChanges changes = Compare(empty, RecipeOf(Folder(many)), {.changes = 10, .folders = 10});
  EXPECT_EQ(changes.context_size(), 10);
  EXPECT_EQ(changes.context_total(), 30);
  const auto deep = RecipeOf(Folder({}, {{"a", Folder({}, {{"b", Folder({{"c", "1"}})}})}}));
  const auto other = RecipeOf(Folder({}, {{"a", Folder({}, {{"b", Folder({{"c", "2"}})}})}}));
  changes = Compare(deep, other, {.changes = 10, .folders = 3});
  EXPECT_THAT(changes.context_problem(), HasSubstr("more than 3 folders"));
}

TEST_F(ContextChangesTest, NamedContextsAreToldWithTheirNames) {
  v1::Recipe before = RecipeOf(Folder({}));
  v1::Recipe now = before;
  const auto add = [](v1::Recipe* recipe, const std::string& name) {
    v1::NamedContext& context = *recipe->add_contexts();
    context.set_name(name);
    return &context;
  };
  *add(&before, "assets")->mutable_tree() = Folder({{"logo", "1"}});
  *add(&now, "assets")->mutable_tree() = Folder({{"logo", "2"}});
  add(&before, "image")->set_image("a:1");
  add(&now, "image")->set_image("a:2");
  add(&now, "more")->set_image("b");
  EXPECT_THAT(Paths(Compare(before, now)),
              UnorderedElementsAre("CONTENT assets:logo", "CONTENT image:", "ADDED more:"));
}

}  // namespace
}  // namespace crossmill::coordinator
