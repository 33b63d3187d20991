#include "coordinator/evidence/evidence_artifacts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;

EvidencePiece Piece(const std::string& name, const std::string& kind, std::set<std::string> images) {
  EvidencePiece piece;
  piece.name = name;
  piece.kind = kind;
  piece.content = "content of " + name;
  piece.images = std::move(images);
  return piece;
}

oci::Descriptor Document(char seed) {
  oci::Descriptor descriptor;
  descriptor.media_type = oci::media_type::kOciManifest;
  descriptor.digest = {std::string(64, seed), 10};
  return descriptor;
}

std::vector<std::string> TitlesOf(const registry::Artifact& artifact) {
  std::vector<std::string> titles;
  for (const registry::ArtifactFile& file : artifact.files)
    titles.push_back(file.annotations.at("org.opencontainers.image.title"));
  return titles;
}

TEST(EvidenceArtifactsTest, EachManifestHasItsOwnAndWhatIsShared) {
  const std::string a = Document('a').digest.Oci();
  const std::string b = Document('b').digest.Oci();
  const std::vector<EvidencePiece> pieces = {Piece("shared", "execution", {a, b}),
                                             Piece("of-a", "execution", {a}),
                                             Piece("verdict-a", "verdict", {a}),
                                             Piece("verdict-b", "verdict", {b}),
                                             Piece("of-c", "verdict", {Document('c').digest.Oci()}),
                                             Piece("coordinator.pem", "key", {})};
  const auto artifacts = EvidenceArtifacts(pieces, {Document('9'), Document('a'), Document('b')});
  ASSERT_EQ(artifacts.size(), 4u);
  EXPECT_EQ(artifacts[0].subject.digest, Document('a').digest);
  EXPECT_THAT(TitlesOf(artifacts[0]), ElementsAre("verdict-a"));
  EXPECT_EQ(artifacts[0].annotations.at("crossmill.evidence"), "verdict");
  EXPECT_THAT(TitlesOf(artifacts[1]), ElementsAre("shared", "of-a", "coordinator.pem"));
  EXPECT_THAT(TitlesOf(artifacts[2]), ElementsAre("verdict-b"));
  EXPECT_EQ(artifacts[3].subject.digest, Document('b').digest);
  EXPECT_THAT(TitlesOf(artifacts[3]), ElementsAre("shared", "coordinator.pem"));
  EXPECT_EQ(artifacts[3].files[0].media_type, "application/vnd.dsse.envelope.v1+json");
  EXPECT_EQ(artifacts[3].files[1].media_type, "application/x-pem-file");
}

TEST(EvidenceArtifactsTest, WithoutEvidenceThereIsNoArtifact) {
  EXPECT_TRUE(EvidenceArtifacts({Piece("coordinator.pem", "key", {})}, {Document('a')}).empty());
  EXPECT_TRUE(EvidenceArtifacts({}, {Document('a')}).empty());
}

}  // namespace
}  // namespace crossmill::coordinator
