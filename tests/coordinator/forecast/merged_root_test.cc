#include "coordinator/forecast/merged_root.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/predict/image/root_paths.h"
#include "coordinator/forecast/copied_content.h"
#include "coordinator/forecast/layer_index.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tar_text.h"

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr layer::EntryType kFolder = layer::EntryType::kDirectory;
constexpr layer::EntryType kFile = layer::EntryType::kFile;

class MergedRootTest : public ::testing::Test {
 protected:
  void AddLayer(const TarText& tar) {
    const auto digest = blobs_->PutBytes(tar.Finish());
    ASSERT_OK(digest);
    const auto index = indexes_.Get(*digest, {});
    ASSERT_OK(index);
    ASSERT_OK(root_.AddLayer(**index, *digest));
  }
  // Links followed; "-" for what is no file.
  std::string Text(const std::string& path) {
    return predict::RootPaths(root_).ReadWhole(path, 1 << 20).value_or("-");
  }
  std::vector<std::string> Names(const std::string& path) {
    std::vector<std::string> names;
    const auto listing = predict::RootPaths(root_).List(path, 100);
    if (!listing.ok()) return {"-"};
    for (const auto& entry : listing->entries) names.push_back(entry.name);
    return names;
  }

  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  LayerIndexes indexes_{*blobs_};
  MergedRoot root_{*blobs_};
};

TEST_F(MergedRootTest, LaterLayersLieOverEarlierOnes) {
  AddLayer(TarText()
               .Add("etc", kFolder)
               .Add("etc/a", kFile, "a of the first")
               .Add("etc/b", kFile, "b of the first")
               .Add("usr/bin/tool", kFile, "tool")
               .AddLink("bin", layer::EntryType::kSymlink, "usr/bin"));
  AddLayer(TarText().Add("etc/a", kFile, "a of the second").Add("etc-x", kFile, "x"));
  EXPECT_EQ(Text("/etc/a"), "a of the second");
  EXPECT_EQ(Text("/etc/b"), "b of the first");
  EXPECT_EQ(Text("/bin/tool"), "tool");
  EXPECT_THAT(Names("/"), UnorderedElementsAre("etc", "etc-x", "usr", "bin"));
  EXPECT_THAT(Names("/etc"), ElementsAre("a", "b"));
  EXPECT_EQ(root_.ReadLink("/bin").value(), "usr/bin");
}

TEST_F(MergedRootTest, Whiteouts) {
  AddLayer(TarText()
               .Add("app/old/x", kFile, "x")
               .Add("app/old-too", kFile, "y")
               .Add("lib/a", kFile, "a")
               .Add("lib/sub/b", kFile, "b"));
  // A marker is about the layers below, also behind what its own layer brings.
  AddLayer(TarText()
               .Add("app/.wh.old", kFile)
               .Add("lib/new", kFile, "new")
               .Add("lib/.wh..wh..opq", kFile)
               .Add(".wh.nothing", kFile));
  EXPECT_THAT(Names("/app"), ElementsAre("old-too"));
  EXPECT_EQ(Text("/app/old/x"), "-");
  EXPECT_THAT(Names("/lib"), ElementsAre("new"));
  EXPECT_EQ(Text("/lib/new"), "new");
}

TEST_F(MergedRootTest, WhatChangesItsKind) {
  AddLayer(
      TarText().Add("a/b", kFile, "b").Add("c", kFile, "c").AddLink("d", layer::EntryType::kSymlink, "a"));
  AddLayer(TarText().Add("a", kFile, "now a file").Add("c/e", kFile, "e").Add("d", kFolder));
  EXPECT_EQ(Text("/a"), "now a file");
  EXPECT_EQ(Text("/a/b"), "-");
  EXPECT_EQ(Text("/c/e"), "e");
  EXPECT_THAT(Names("/d"), IsEmpty());
}

TEST_F(MergedRootTest, EntriesBelowALinkGoWhereItLeads) {
  AddLayer(TarText().Add("usr/lib", kFolder).AddLink("lib", layer::EntryType::kSymlink, "/usr/lib"));
  AddLayer(TarText().Add("lib/libc.so", kFile, "libc").Add("lib/.wh.gone", kFile));
  EXPECT_EQ(Text("/usr/lib/libc.so"), "libc");
  EXPECT_EQ(Text("/lib/libc.so"), "libc");
  AddLayer(TarText().Add("lib/.wh.libc.so", kFile));
  EXPECT_EQ(Text("/usr/lib/libc.so"), "-");
}

TEST_F(MergedRootTest, HardLinksShareTheirContent) {
  AddLayer(TarText().Add("a", kFile, "text").AddLink("b", layer::EntryType::kHardLink, "a"));
  EXPECT_EQ(Text("/b"), "text");
  AddLayer(TarText().Add(".wh.a", kFile));
  EXPECT_EQ(Text("/b"), "text");
}

TEST_F(MergedRootTest, LinksThatLeadNowhereOrInCircles) {
  AddLayer(TarText()
               .AddLink("a", layer::EntryType::kSymlink, "b")
               .AddLink("b", layer::EntryType::kSymlink, "a")
               .AddLink("up", layer::EntryType::kSymlink, "../../../.."));
  const auto digest = blobs_->PutBytes(TarText().Add("a/x", kFile, "x").Finish());
  ASSERT_OK(digest);
  const auto index = indexes_.Get(*digest, {});
  ASSERT_OK(index);
  EXPECT_TRUE(absl::IsFailedPrecondition(root_.AddLayer(**index, *digest)));
  AddLayer(TarText().Add("up/y", kFile, "y"));
  EXPECT_EQ(Text("/y"), "y");
}

TEST_F(MergedRootTest, PartsOfFiles) {
  AddLayer(TarText().Add("a", kFile, "0123456789").Add("empty", kFile));
  EXPECT_EQ(root_.Read("/a", 3, 4).value(), "3456");
  EXPECT_EQ(root_.Read("/a", 8, 40).value(), "89");
  EXPECT_EQ(root_.Read("/a", 10, 4).value(), "");
  EXPECT_EQ(root_.Read("/empty", 0, 4).value(), "");
  EXPECT_TRUE(absl::IsNotFound(root_.Read("/none", 0, 4).status()));
}

class CopiedContentTest : public MergedRootTest {
 protected:
  Digest File(const std::string& text) { return blobs_->PutBytes(text).value(); }
  v1::ContextMatch Match(const std::string& name, const std::string& text) {
    v1::ContextMatch match;
    match.set_name(name);
    ToProto(File(text), match.mutable_file());
    return match;
  }
  std::vector<std::string> Copy(const std::string& destination, const std::vector<v1::ContextMatch>& matches,
                                bool extract = false) {
    v1::Copy copy;
    copy.set_destination(destination);
    v1::CopySource* source = copy.add_sources();
    source->set_text("x");
    source->set_extract(extract);
    for (const v1::ContextMatch& match : matches) *source->mutable_context()->add_matches() = match;
    return CopyContent(
               copy, [](uint32_t) { return nullptr; }, *blobs_, root_)
        .value();
  }
};

TEST_F(CopiedContentTest, WhereFilesGo) {
  AddLayer(TarText().Add("srv", kFolder).AddLink("www", layer::EntryType::kSymlink, "srv"));
  EXPECT_THAT(Copy("/app/r.txt", {Match("requirements.txt", "1")}), IsEmpty());
  Copy("/app/", {Match("requirements.txt", "2")});
  Copy("/srv", {Match("a.txt", "3")});
  Copy("/www", {Match("b.txt", "4")});
  Copy("/two", {Match("c.txt", "5"), Match("d.txt", "6")});
  EXPECT_EQ(Text("/app/r.txt"), "1");
  EXPECT_EQ(Text("/app/requirements.txt"), "2");
  EXPECT_EQ(Text("/srv/a.txt"), "3");
  EXPECT_EQ(Text("/srv/b.txt"), "4");
  EXPECT_EQ(Text("/two/d.txt"), "6");
}

TEST_F(CopiedContentTest, ArchivesAreNotLookedInto) {
  EXPECT_THAT(Copy("/app/", {Match("a.tar", TarText().Add("r.txt", kFile, "x").Finish())}, true),
              ElementsAre(HasSubstr("archives are not looked into")));
  EXPECT_THAT(Copy("/app/", {Match("a.tar", TarText().Add("r.txt", kFile, "x").Finish())}, false), IsEmpty());
  EXPECT_THAT(Copy("/app/", {Match("r.txt", "flask")}, true), IsEmpty());
}

TEST_F(CopiedContentTest, OfAnotherStage) {
  MergedRoot other(*blobs_);
  ASSERT_OK(other.PutFile("/build/wheels/a.whl", {File("wheel"), 0, 5, nullptr}));
  ASSERT_OK(other.PutLink("/latest", "build"));
  v1::Copy copy;
  copy.set_destination("/wheels");
  v1::CopySource* source = copy.add_sources();
  source->set_text("/latest/wheels");
  source->mutable_export_()->mutable_export_()->set_pattern("/latest/wheels");
  const auto stages = [&](uint32_t stage) { return stage == 0 ? &other : nullptr; };
  EXPECT_THAT(CopyContent(copy, stages, *blobs_, root_).value(), IsEmpty());
  EXPECT_EQ(Text("/wheels/a.whl"), "wheel");
  source->mutable_export_()->set_stage(1);
  EXPECT_THAT(CopyContent(copy, stages, *blobs_, root_).value(), ElementsAre(HasSubstr("is not known")));
  source->mutable_export_()->set_stage(0);
  source->mutable_export_()->mutable_export_()->set_pattern("/build/*");
  EXPECT_THAT(CopyContent(copy, stages, *blobs_, root_).value(), ElementsAre(HasSubstr("which files match")));
}

// A Merkle tree may name the same folder again and again: a few messages, any number of files.
TEST_F(CopiedContentTest, AFolderThatUnfoldsWithoutEnd) {
  build::bazel::remote::execution::v2::Directory folder;
  folder.add_files()->set_name("f");
  ToProto(File("x"), folder.mutable_files(0)->mutable_digest());
  Digest digest = File(folder.SerializeAsString());
  for (int level = 0; level < 40; ++level) {
    build::bazel::remote::execution::v2::Directory above;
    for (const char* name : {"a", "b", "c"}) {
      auto* node = above.add_directories();
      node->set_name(name);
      ToProto(digest, node->mutable_digest());
    }
    digest = File(above.SerializeAsString());
  }
  v1::Copy copy;
  copy.set_destination("/");
  ToProto(digest, copy.add_sources()->mutable_context()->add_matches()->mutable_directory());
  EXPECT_TRUE(absl::IsResourceExhausted(CopyContent(
                                            copy, [](uint32_t) { return nullptr; }, *blobs_, root_)
                                            .status()));
}

}  // namespace
}  // namespace crossmill::coordinator
