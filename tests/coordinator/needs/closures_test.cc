#include "coordinator/needs/closures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using storage::ReferenceForm;
using testing::UnorderedElementsAre;
using testing::UnorderedElementsAreArray;

class ClosuresTest : public testing::Test {
 protected:
  ClosuresTest() { Restart(); }

  void Restart() {
    closures_ = std::make_unique<Closures>(
        DocumentSource{[this](const std::string& hash) -> absl::StatusOr<std::optional<std::string>> {
                         ++reads_;
                         RETURN_IF_ERROR(trouble_);
                         const auto found = blobs_.find(hash);
                         return found == blobs_.end() ? std::nullopt : std::optional(found->second);
                       },
                       [this](const BlobName& name) -> absl::StatusOr<bool> {
                         return blobs_.contains(HashOfName(name));
                       }},
        storage::ClosureRecords(records_->connection()), [] { return absl::OkStatus(); });
  }
  Digest Put(const std::string& bytes) {
    blobs_[Sha256Hex(bytes)] = bytes;
    return DigestOf(bytes);
  }
  static std::string Named(const Digest& digest) {
    return fmt::format(R"({{"mediaType":"application/octet-stream","digest":"{}","size":{}}})", digest.Oci(),
                       digest.size);
  }
  static std::string Manifest(const Digest& config, const Digest& layer) {
    return fmt::format(
        R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}})",
        Named(config), Named(layer));
  }
  static std::string Index(const std::vector<Digest>& manifests) {
    std::string list;
    for (const Digest& manifest : manifests) {
      list += fmt::format(
          R"({}{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{}}})",
          list.empty() ? "" : ",", manifest.Oci(), manifest.size);
    }
    return fmt::format(
        R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}})",
        list);
  }
  std::vector<std::string> Of(const Digest& root, ReferenceForm form, bool keep = true) {
    const auto closure = closures_->Find({root.hash, form}, keep);
    EXPECT_OK(closure);
    std::vector<std::string> hashes;
    for (const BlobName& name : (*closure)->names) hashes.push_back(HashOfName(name));
    return hashes;
  }
  int64_t Rows() {
    return static_cast<int64_t>(storage::ClosureRecords(records_->connection()).Keys({}, 100)->size());
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::unique_ptr<storage::RecordStore> records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
  std::map<std::string, std::string> blobs_;
  int reads_ = 0;
  absl::Status trouble_;
  std::unique_ptr<Closures> closures_;
};

TEST_F(ClosuresTest, AnImageIsReadOnceAlsoOverARestart) {
  const Digest config = DigestOf("config"), layer = DigestOf("layer");
  const Digest manifest = Put(Manifest(config, layer));
  const Digest index = Put(Index({manifest}));
  const std::vector<std::string> all = {index.hash, manifest.hash, config.hash, layer.hash};
  EXPECT_THAT(Of(index, ReferenceForm::kImage), UnorderedElementsAreArray(all));
  ASSERT_OK(closures_->EndRound());
  EXPECT_EQ(reads_, 2);
  // As where all of it is only in a bucket that does not answer.
  trouble_ = absl::UnavailableError("away");
  Restart();
  EXPECT_THAT(Of(index, ReferenceForm::kImage), UnorderedElementsAreArray(all));
  EXPECT_EQ(reads_, 2);
  EXPECT_THAT((*closures_->Find({index.hash, ReferenceForm::kImage}, true))->manifests,
              UnorderedElementsAre(NameOfHash(manifest.hash)));
}

TEST_F(ClosuresTest, WhatCannotBeReadNowIsNoAnswer) {
  const Digest index = Put(Index({}));
  trouble_ = absl::UnavailableError("away");
  EXPECT_TRUE(absl::IsUnavailable(closures_->Find({index.hash, ReferenceForm::kImage}, true).status()));
  trouble_ = absl::OkStatus();
  EXPECT_THAT(Of(index, ReferenceForm::kImage), UnorderedElementsAre(index.hash));
}

TEST_F(ClosuresTest, AManifestThatComesLaterIsFollowedThen) {
  const std::string other = Manifest(DigestOf("other config"), DigestOf("other layer"));
  const Digest index = Put(Index({DigestOf(other)}));
  EXPECT_THAT(Of(index, ReferenceForm::kImage), UnorderedElementsAre(index.hash, Sha256Hex(other)));
  ASSERT_OK(closures_->EndRound());
  Restart();
  const int before = reads_;
  EXPECT_EQ(Of(index, ReferenceForm::kImage).size(), 2);
  EXPECT_EQ(reads_, before) << "nothing has come";
  Put(other);
  EXPECT_EQ(Of(index, ReferenceForm::kImage).size(), 4);
  ASSERT_OK(closures_->EndRound());
  Restart();
  EXPECT_EQ(Of(index, ReferenceForm::kImage).size(), 4);
}

TEST_F(ClosuresTest, AFileWithTheBytesOfAFolderHidesNothing) {
  build::bazel::remote::execution::v2::Directory below, root;
  ToProto(DigestOf("file"), below.add_files()->mutable_digest());
  const Digest folder = Put(below.SerializeAsString());
  ToProto(folder, root.add_files()->mutable_digest());
  ToProto(folder, root.add_directories()->mutable_digest());
  const Digest tree = Put(root.SerializeAsString());
  EXPECT_THAT(Of(tree, ReferenceForm::kTree),
              UnorderedElementsAre(tree.hash, folder.hash, Sha256Hex("file")));
}

TEST_F(ClosuresTest, OnlyWhatIsKeptIsWrittenAndItGoesWhenNobodyAsks) {
  const Digest image = Put(Index({}));
  build::bazel::remote::execution::v2::Directory root;
  ToProto(DigestOf("file"), root.add_files()->mutable_digest());
  const Digest tree = Put(root.SerializeAsString());
  Of(image, ReferenceForm::kImage);
  Of(tree, ReferenceForm::kTree, false);
  ASSERT_OK(closures_->EndRound());
  EXPECT_EQ(Rows(), 1);
  Restart();
  ASSERT_OK(closures_->EndRound());
  EXPECT_EQ(Rows(), 0);
}

}  // namespace
}  // namespace crossmill::coordinator
