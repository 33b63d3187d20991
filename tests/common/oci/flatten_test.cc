#include "common/oci/flatten.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/layer/canonical_tar.h"
#include "common/layer/ustar.h"
#include "common/oci/docker_archive.h"
#include "common/oci/layout.h"
#include "tests/common/layer/command.h"
#include "tests/common/layer/sample_tree.h"
#include "tests/common/oci/sample_image.h"

namespace crossmill::oci {
namespace {

using testing::ElementsAre;

// Entries in any order, as other programs write layers: one ustar header each.
std::string LooseTar(const std::vector<layer::SampleEntry>& entries) {
  std::string tar;
  for (const layer::SampleEntry& sample : entries) {
    std::string one;
    layer::CanonicalTarWriter writer(layer::AppendTo(&one));
    // Alone in its tar a hard link has no target before it: written as a symlink, whose type is changed
    // below.
    const bool link = sample.entry.type == layer::EntryType::kHardLink;
    EXPECT_OK(writer.Add(
        link ? layer::Special(sample.entry.path, layer::EntryType::kSymlink, sample.entry.link).entry
             : sample.entry));
    EXPECT_OK(writer.Data(sample.content));
    EXPECT_OK(writer.Finish());
    if (link) {
      one[layer::ustar::kType] = '1';
      layer::ustar::PutOctal(one.data(), {layer::ustar::kChecksum.position, 7},
                             layer::ustar::ChecksumOf(one.data()).as_unsigned);
    }
    tar += one.substr(0, one.size() - 1024);
  }
  return tar + std::string(1024, '\0');
}

class FlattenTest : public testing::Test {
 protected:
  absl::Status Add(const std::vector<layer::SampleEntry>& layer) {
    return flattener_.AddLayer(layer::SourceOf(LooseTar(layer)));
  }

  std::string Tar(std::string_view prefix = "") {
    std::string tar;
    layer::CanonicalTarWriter writer(layer::AppendTo(&tar));
    EXPECT_OK(WriteTree(flattener_, prefix, writer));
    EXPECT_OK(writer.Finish());
    return tar;
  }

  // "path", "path=content", "path->target" for links.
  std::vector<std::string> Tree() {
    const auto entries = layer::ReadTar(Tar());
    EXPECT_OK(entries);
    std::vector<std::string> tree;
    for (const layer::SampleEntry& sample : *entries) {
      const layer::TarEntry& entry = sample.entry;
      tree.push_back(entry.path + (entry.type == layer::EntryType::kFile ? "=" + sample.content : "") +
                     (entry.link.empty() ? "" : "->" + entry.link));
    }
    return tree;
  }

  NamelessFile contents_ = *NamelessFile::Create();
  Flattener flattener_{contents_};
};

TEST_F(FlattenTest, LaterLayersReplaceAndRemove) {
  ASSERT_OK(Add({layer::Folder("a"), layer::File("a/keep", "1"), layer::File("a/gone", "2"),
                 layer::File("a/new", "old"), layer::Folder("dir"), layer::File("dir/x", "x")}));
  ASSERT_OK(Add({layer::File("a/new", "new"), layer::File("a/.wh.gone", ""), layer::File(".wh.dir", "")}));
  EXPECT_THAT(Tree(), ElementsAre("a", "a/keep=1", "a/new=new"));
}

TEST_F(FlattenTest, WhiteoutSparesWhatItsOwnLayerHas) {
  ASSERT_OK(Add({layer::Folder("d"), layer::File("d/old", "1"), layer::File("f", "1")}));
  // In either order.
  ASSERT_OK(Add({layer::Folder("d"), layer::File("d/new", "2"), layer::File(".wh.d", ""),
                 layer::File(".wh.f", ""), layer::File("f", "2")}));
  EXPECT_THAT(Tree(), ElementsAre("d", "d/new=2", "f=2"));
}

TEST_F(FlattenTest, WhiteoutOfAFolderThatTheLayerOnlyFills) {
  ASSERT_OK(Add({layer::Folder("d", 0700), layer::File("d/old", "1")}));
  ASSERT_OK(Add({layer::File("d/new", "2"), layer::File(".wh.d", "")}));
  EXPECT_THAT(Tree(), ElementsAre("d", "d/new=2"));
}

TEST_F(FlattenTest, OpaqueFolderHidesWhatIsBelowIt) {
  ASSERT_OK(Add({layer::Folder("d"), layer::File("d/a", "1"), layer::Folder("d/sub"),
                 layer::File("d/sub/b", "1"), layer::File("e", "1")}));
  ASSERT_OK(Add({layer::Folder("d"), layer::File("d/c", "2"), layer::File("d/.wh..wh..opq", "")}));
  EXPECT_THAT(Tree(), ElementsAre("d", "d/c=2", "e=1"));
}

TEST_F(FlattenTest, KindsChange) {
  ASSERT_OK(Add({layer::Folder("d"), layer::File("d/x", "1"), layer::File("f", "1"),
                 layer::Special("l", layer::EntryType::kSymlink, "f")}));
  ASSERT_OK(
      Add({layer::File("d", "file now"), layer::Folder("f"), layer::File("f/x", "2"), layer::Folder("l")}));
  EXPECT_THAT(Tree(), ElementsAre("d=file now", "f", "f/x=2", "l"));
}

TEST_F(FlattenTest, FolderKeepsItsContentWhenItIsNamedAgain) {
  ASSERT_OK(Add({layer::Folder("d", 0755), layer::File("d/x", "1")}));
  ASSERT_OK(Add({layer::Folder("d", 0700)}));
  EXPECT_THAT(Tree(), ElementsAre("d", "d/x=1"));
  EXPECT_EQ((*layer::ReadTar(Tar()))[0].entry.mode, 0700u);
}

TEST_F(FlattenTest, HardLinksStayTogetherAcrossLayers) {
  ASSERT_OK(Add({layer::File("z", "shared")}));
  ASSERT_OK(Add({layer::Special("a", layer::EntryType::kHardLink, "z"),
                 layer::Special("m", layer::EntryType::kHardLink, "a")}));
  // The first path in order has the content.
  EXPECT_THAT(Tree(), ElementsAre("a=shared", "m->a", "z->a"));
  ASSERT_OK(Add({layer::File("a", "own")}));
  EXPECT_THAT(Tree(), ElementsAre("a=own", "m=shared", "z->m"));
  ASSERT_OK(Add({layer::File(".wh.m", "")}));
  EXPECT_THAT(Tree(), ElementsAre("a=own", "z=shared"));
}

TEST_F(FlattenTest, HardLinkToNothingIsAnError) {
  const absl::Status status = Add({layer::Special("a", layer::EntryType::kHardLink, "nothing")});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(Sv(status.message()).find("'nothing', which is not there"), std::string_view::npos) << status;
}

TEST_F(FlattenTest, PathsBelowSymlinksGoWhereTheyLeadInsideTheRoot) {
  ASSERT_OK(Add({layer::Folder("usr"), layer::Folder("usr/lib"), layer::File("usr/lib/old", "1"),
                 layer::Special("lib", layer::EntryType::kSymlink, "usr/lib"),
                 layer::Special("out", layer::EntryType::kSymlink, "../../../../usr"),
                 layer::Special("abs", layer::EntryType::kSymlink, "/usr")}));
  ASSERT_OK(Add({layer::File("lib/new", "2"), layer::File("lib/.wh.old", ""),
                 layer::File("out/from-out", "3"), layer::File("abs/lib/x", "4")}));
  EXPECT_THAT(Tree(), ElementsAre("abs->/usr", "lib->usr/lib", "out->../../../../usr", "usr",
                                  "usr/from-out=3", "usr/lib", "usr/lib/new=2", "usr/lib/x=4"));
}

TEST_F(FlattenTest, SymlinkLoopIsAnError) {
  ASSERT_OK(Add({layer::Special("a", layer::EntryType::kSymlink, "b"),
                 layer::Special("b", layer::EntryType::kSymlink, "a")}));
  EXPECT_EQ(Add({layer::File("a/x", "1")}).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(FlattenTest, ResultDoesNotDependOnTheOrderInLayers) {
  ASSERT_OK(Add({layer::File("b", "1"), layer::Folder("a"), layer::File("a/x", "2")}));
  const std::string first = Tar();
  NamelessFile contents = *NamelessFile::Create();
  Flattener other(contents);
  ASSERT_OK(other.AddLayer(
      layer::SourceOf(LooseTar({layer::Folder("a"), layer::File("a/x", "2"), layer::File("b", "1")}))));
  std::string second;
  layer::CanonicalTarWriter writer(layer::AppendTo(&second));
  ASSERT_OK(WriteTree(other, "", writer));
  ASSERT_OK(writer.Finish());
  EXPECT_EQ(DigestOf(first), DigestOf(second));
}

TEST_F(FlattenTest, EveryKindOfEntrySurvives) {
  std::vector<layer::SampleEntry> tree = layer::SampleTree();
  std::erase_if(tree, [](const layer::SampleEntry& sample) { return sample.whiteout; });
  ASSERT_OK(Add(tree));
  const auto entries = layer::ReadTar(Tar("linux_amd64"));
  ASSERT_OK(entries);
  std::map<std::string, layer::SampleEntry> by_path;
  for (const layer::SampleEntry& sample : *entries) by_path[sample.entry.path] = sample;
  for (const layer::SampleEntry& sample : tree) {
    const auto it = by_path.find("linux_amd64/" + sample.entry.path);
    ASSERT_NE(it, by_path.end()) << sample.entry.path;
    EXPECT_EQ(it->second.content, sample.content);
    EXPECT_EQ(it->second.entry.mode, sample.entry.mode);
    EXPECT_EQ(it->second.entry.uid, sample.entry.uid);
    EXPECT_EQ(it->second.entry.xattrs, sample.entry.xattrs);
    EXPECT_EQ(it->second.entry.dev_minor, sample.entry.dev_minor);
  }
  EXPECT_EQ(by_path["linux_amd64/links/a-hard"].entry.link, "linux_amd64/links/a/first");
}

TEST_F(FlattenTest, ImageWithALayerThatHasNotItsDiffIdIsDamaged) {
  auto store = MakeMemoryBlobStore();
  const Digest good = PutImage(*store, "amd64");
  EXPECT_OK(AddImageLayers(*store, good, flattener_));
  EXPECT_THAT(Tree(), ElementsAre("bin", "bin/sh2=#!", "etc", "etc/arch=amd64", "etc/noise="));
  ImageManifest manifest = *ParseImageManifest(*store->Get(good));
  std::swap(manifest.layers[0], manifest.layers[1]);
  Flattener other(contents_);
  const absl::Status status = AddImageLayers(*store, *store->PutBytes(WriteImageManifest(manifest)), other);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST(DockerArchiveWriterTest, ComesBackAsTheSameImageAndSkopeoReadsIt) {
  auto store = MakeMemoryBlobStore();
  const Digest manifest = PutImage(*store, "amd64", 100'000);
  std::string tar;
  NamelessFile contents = *NamelessFile::Create();
  ASSERT_OK(WriteDockerArchive(*store, manifest,
                               {{std::string("team/app:1"), std::string("docker.io/library/x:2")}}, contents,
                               layer::AppendTo(&tar)));
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string path = folder->Path("image.tar");
  ASSERT_OK(WriteFileAtomic(path, tar));
  auto target = MakeMemoryBlobStore();
  ImportOptions options;
  options.name = "x:2";
  auto imported = ImportImage(path, *target, options);
  ASSERT_OK(imported);
  EXPECT_THAT(imported->names, ElementsAre("team/app:1", "x:2"));
  const auto one = ParseImageManifest(*store->Get(manifest));
  const auto other = ParseImageManifest(*target->Get(imported->root));
  EXPECT_EQ(one->config.digest, other->config.digest);
  std::string again;
  NamelessFile second = *NamelessFile::Create();
  ASSERT_OK(WriteDockerArchive(*store, manifest,
                               {{std::string("team/app:1"), std::string("docker.io/library/x:2")}}, second,
                               layer::AppendTo(&again)));
  EXPECT_EQ(DigestOf(tar), DigestOf(again));
  if (layer::RunCommand({"which", "skopeo"})->exit_code != 0) GTEST_SKIP() << "skopeo is not installed";
  auto inspected = layer::RunCommand({"skopeo", "inspect", "--config", "--raw", "docker-archive:" + path});
  ASSERT_OK(inspected);
  EXPECT_EQ(inspected->stdout_text, *store->Get(one->config.digest)) << inspected->stderr_text;
}

}  // namespace
}  // namespace crossmill::oci
