#include "coordinator/retention/message_digests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {
namespace {

using testing::UnorderedElementsAre;

TEST(MessageDigestsTest, FindsWhatASubmissionAndItsPlanName) {
  v1::BuildSubmission submission;
  const Digest context = DigestOf("context"), tree = DigestOf("tree"), root = DigestOf("root");
  ToProto(context, submission.mutable_recipe()->mutable_context_root());
  ToProto(tree, submission.mutable_recipe()->add_contexts()->mutable_tree());
  ToProto(root, submission.mutable_recipe()->add_contexts()->mutable_image_root());
  NamedDigests named;
  CollectDigests(submission, &named);
  EXPECT_THAT(named.blobs, UnorderedElementsAre(context, tree, root));
  EXPECT_THAT(named.trees, UnorderedElementsAre(context, tree));
  EXPECT_THAT(named.images, UnorderedElementsAre(root.hash));
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
  NamedDigests named;
  CollectDigests(plan, &named);
  EXPECT_THAT(named.blobs, UnorderedElementsAre(tar, file, folder));
  EXPECT_THAT(named.trees, UnorderedElementsAre(folder));
  EXPECT_THAT(named.images, UnorderedElementsAre(manifest));
}

TEST(MessageDigestsTest, WhatIsNoHashNamesNothing) {
  v1::BuildSubmission submission;
  submission.mutable_recipe()->mutable_context_root()->set_hash("../../etc/passwd");
  v1::PinnedImage base;
  base.set_manifest_digest("sha256:../..");
  NamedDigests named;
  CollectDigests(submission, &named);
  CollectDigests(base, &named);
  EXPECT_TRUE(named.blobs.empty());
  EXPECT_TRUE(named.trees.empty());
  EXPECT_TRUE(named.images.empty());
}

}  // namespace
}  // namespace crossmill::coordinator
