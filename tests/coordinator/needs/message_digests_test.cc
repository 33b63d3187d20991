#include "coordinator/storage/needs/message_digests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/report.pb.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

struct Named {
  std::vector<Digest> bytes, trees, images;
};

Named Of(const google::protobuf::Message& message) {
  Named named;
  EXPECT_OK(ForEachDigest(message, [&](const NamedDigest& one) {
    (one.form == ReferenceForm::kTree    ? named.trees
     : one.form == ReferenceForm::kImage ? named.images
                                         : named.bytes)
        .push_back(one.digest);
    return absl::OkStatus();
  }));
  return named;
}

TEST(MessageDigestsTest, FindsWhatASubmissionNames) {
  v1::BuildSubmission submission;
  const Digest context = DigestOf("context"), tree = DigestOf("tree"), root = DigestOf("root");
  ToProto(context, submission.mutable_recipe()->mutable_context_root());
  ToProto(tree, submission.mutable_recipe()->add_contexts()->mutable_tree());
  ToProto(root, submission.mutable_recipe()->add_contexts()->mutable_image_root());
  const Named named = Of(submission);
  EXPECT_THAT(named.bytes, IsEmpty());
  EXPECT_THAT(named.trees, UnorderedElementsAre(context, tree));
  EXPECT_THAT(named.images, UnorderedElementsAre(root));
}

TEST(MessageDigestsTest, FindsWhatIsDeepInAPlan) {
  v1::BuildPlan plan;
  v1::PinnedImage* base = plan.add_bases();
  const Digest tar = DigestOf("tar"), file = DigestOf("file"), folder = DigestOf("folder");
  const std::string manifest = Sha256Hex("manifest");
  base->set_manifest_digest("sha256:" + manifest);
  ToProto(tar, base->add_layers()->mutable_tar());
  v1::ContextMatches* matches =
      plan.add_stages()->add_steps()->mutable_copy()->add_sources()->mutable_context();
  ToProto(file, matches->add_matches()->mutable_file());
  ToProto(folder, matches->add_matches()->mutable_directory());
  const Named named = Of(plan);
  EXPECT_THAT(named.bytes, UnorderedElementsAre(tar, file));
  EXPECT_THAT(named.trees, UnorderedElementsAre(folder));
  EXPECT_THAT(named.images, UnorderedElementsAre(Digest{manifest, kUnknownSize}));
}

TEST(MessageDigestsTest, WhatIsNoHashNamesNothing) {
  v1::BuildSubmission submission;
  submission.mutable_recipe()->mutable_context_root()->set_hash("../../etc/passwd");
  v1::PinnedImage base;
  base.set_manifest_digest("sha256:../..");
  for (const Named& named : {Of(submission), Of(base)}) {
    EXPECT_THAT(named.bytes, IsEmpty());
    EXPECT_THAT(named.trees, IsEmpty());
    EXPECT_THAT(named.images, IsEmpty());
  }
}

TEST(MessageDigestsTest, ContentsThatDifferAreInNoStore) {
  v1::PathDifference difference;
  ToProto(DigestOf("one"), difference.mutable_first());
  ToProto(DigestOf("other"), difference.mutable_second());
  EXPECT_THAT(Of(difference).bytes, IsEmpty());
}

TEST(MessageDigestsTest, EndsWithTheFirstError) {
  v1::BuildSubmission submission;
  ToProto(DigestOf("context"), submission.mutable_recipe()->mutable_context_root());
  EXPECT_TRUE(absl::IsCancelled(
      ForEachDigest(submission, [](const NamedDigest&) { return absl::CancelledError("enough"); })));
}

}  // namespace
}  // namespace crossmill::storage
