#include "coordinator/images/image_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/oci/image_walk.h"
#include "tests/common/oci/sample_image.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_image_source.h"
#include "tests/support/memory_image_records.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using oci::LinuxPlatform;
using testing::AllOf;
using testing::HasSubstr;

std::string Text(const absl::Status& status) { return std::string(status.message()); }

class ImageStoreTest : public testing::Test {
 protected:
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  MemoryImageRecords records_;
  FakeImageSource source_;
  FakeClock clock_;
  ImageStore images_{*blobs_, records_, source_, clock_};
};

TEST_F(ImageStoreTest, ImportedImageIsPinnedPerPlatformWithoutTheNetwork) {
  source_.down = absl::UnavailableError("no network");
  const Digest root = oci::PutIndex(*blobs_);
  const auto record = images_.Import("python:3.11", root, true);
  ASSERT_OK(record);
  EXPECT_EQ(record->name, "docker.io/library/python:3.11");
  EXPECT_EQ(record->platforms.size(), 2u);
  EXPECT_EQ(record->origin, "import");
  const auto amd64 = images_.Pin("python:3.11", LinuxPlatform("amd64"));
  const auto arm64 = images_.Pin("docker.io/library/python:3.11", LinuxPlatform("arm64"));
  ASSERT_OK(amd64);
  ASSERT_OK(arm64);
  EXPECT_NE(amd64->manifest_digest(), arm64->manifest_digest());
  EXPECT_EQ(amd64->reference(), "docker.io/library/python:3.11");
  EXPECT_TRUE(amd64->stand_in());
  EXPECT_EQ(amd64->layers_size(), 2);
  EXPECT_EQ(amd64->newest_time(), 1'000'000'001);
  for (const auto& layer : amd64->layers()) {
    // Uncompressed, under their diffIDs.
    EXPECT_THAT(*blobs_->Get(FromProto(layer.tar())), HasSubstr("ustar"));
  }
}

TEST_F(ImageStoreTest, ImportOfIncompleteImageNamesWhatIsMissing) {
  auto whole = MakeMemoryBlobStore();
  const Digest root = oci::PutImage(*whole, "amd64");
  ASSERT_OK(blobs_->PutBytes(*whole->Get(root)));
  const auto manifest = oci::ParseImageManifest(*whole->Get(root));
  ASSERT_OK(blobs_->PutBytes(*whole->Get(manifest->config.digest)));
  const auto record = images_.Import("app", root, false);
  EXPECT_FALSE(record.ok());
  EXPECT_THAT(Text(record.status()), HasSubstr(manifest->layers[0].digest.hash));
  EXPECT_TRUE(absl::IsNotFound(images_.Get("app").status()));
}

TEST_F(ImageStoreTest, ImportRefusesLayersThatAreNotTheConfigs) {
  const Digest root = oci::PutImage(*blobs_, "amd64");
  auto manifest = *oci::ParseImageManifest(*blobs_->Get(root));
  std::swap(manifest.layers[0], manifest.layers[1]);
  const Digest swapped = *blobs_->PutBytes(oci::WriteImageManifest(manifest));
  const auto record = images_.Import("app", swapped, false);
  EXPECT_TRUE(absl::IsInvalidArgument(record.status())) << record.status();
  EXPECT_THAT(Text(record.status()), HasSubstr("diffID"));
}

TEST_F(ImageStoreTest, NameWithDigestCannotBeGiven) {
  const Digest root = oci::PutImage(*blobs_, "amd64");
  EXPECT_TRUE(absl::IsInvalidArgument(images_.Import("app@" + root.Oci(), root, false).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(images_.Import("App:UPPER/x", root, false).status()));
}

TEST_F(ImageStoreTest, PinPullsOnlyThePlatformItNeedsThenTheNext) {
  const Digest root = oci::PutIndex(*source_.blobs);
  source_.Publish("docker.io/library/python:3.11", root);
  ASSERT_OK(images_.Pin("python:3.11", LinuxPlatform("amd64")));
  // Config and two layers.
  EXPECT_EQ(source_.blobs_served, 3);
  EXPECT_EQ(images_.Get("python:3.11")->platforms.size(), 1u);
  ASSERT_OK(images_.Pin("python:3.11", LinuxPlatform("arm64")));
  // The first layer is the same for both.
  EXPECT_EQ(source_.blobs_served, 5);
  EXPECT_EQ(images_.Get("python:3.11")->platforms.size(), 2u);
  EXPECT_EQ(images_.Get("python:3.11")->origin, "registry");
}

TEST_F(ImageStoreTest, SecondPinAsksNobody) {
  source_.Publish("docker.io/library/python:3.11", oci::PutIndex(*source_.blobs));
  const auto first = images_.Pin("python:3.11", LinuxPlatform("amd64"));
  source_.down = absl::UnavailableError("no network");
  const auto second = images_.Pin("python:3.11", LinuxPlatform("amd64"));
  ASSERT_OK(second);
  EXPECT_EQ(first->SerializeAsString(), second->SerializeAsString());
}

TEST_F(ImageStoreTest, UnknownBaseSaysWhatTheRegistrySaidAndWhatToDo) {
  const auto pinned = images_.Pin("pyhton:3.11", LinuxPlatform("amd64"));
  EXPECT_TRUE(absl::IsNotFound(pinned.status()));
  EXPECT_THAT(Text(pinned.status()), AllOf(HasSubstr("pyhton:3.11"), HasSubstr("manifest unknown"),
                                           HasSubstr("crossmill image import")));
  source_.down = absl::UnavailableError("docker.io: connection refused");
  const auto unreachable = images_.Pin("python:3.11", LinuxPlatform("amd64"));
  EXPECT_TRUE(absl::IsUnavailable(unreachable.status()));
  EXPECT_THAT(Text(unreachable.status()), HasSubstr("connection refused"));
  EXPECT_TRUE(absl::IsInvalidArgument(images_.Pin("not a reference", LinuxPlatform("amd64")).status()));
}

TEST_F(ImageStoreTest, BaseWithoutThePlatformListsThoseItHas) {
  ASSERT_OK(images_.Import("brought", oci::PutIndex(*blobs_), false));
  ASSERT_OK(images_.Import("single", oci::PutImage(*blobs_, "arm64"), false));
  source_.Publish("docker.io/library/pulled:latest", oci::PutIndex(*source_.blobs));
  for (const char* name : {"brought", "pulled", "single"}) {
    const auto pinned = images_.Pin(name, LinuxPlatform("s390x"));
    EXPECT_TRUE(absl::IsNotFound(pinned.status())) << pinned.status();
    EXPECT_THAT(Text(pinned.status()),
                AllOf(HasSubstr(name), HasSubstr("linux/s390x"), HasSubstr("linux/arm64")));
    EXPECT_THAT(Text(pinned.status()), testing::Not(HasSubstr("image import")));
  }
}

TEST_F(ImageStoreTest, RootInTheBlobStoreIsPinnedWithoutAName) {
  const Digest root = oci::PutIndex(*blobs_);
  const auto pinned = images_.PinRoot(root, LinuxPlatform("arm64"), "base");
  ASSERT_OK(pinned);
  EXPECT_EQ(pinned->reference(), "base");
  EXPECT_EQ(pinned->platform().architecture(), "arm64");
  EXPECT_GT(pinned->layers_size(), 0);
  // A manifest alone will do; a platform that is not there is named.
  ASSERT_OK(images_.PinRoot(oci::PutImage(*blobs_, "arm64"), LinuxPlatform("arm64"), "base"));
  const auto lacking = images_.PinRoot(root, LinuxPlatform("s390x"), "base");
  EXPECT_TRUE(absl::IsNotFound(lacking.status())) << lacking.status();
  EXPECT_THAT(Text(lacking.status()), AllOf(HasSubstr("image base"), HasSubstr("linux/s390x")));
}

TEST_F(ImageStoreTest, DigestDecidesUnderAnyName) {
  const Digest root = oci::PutIndex(*source_.blobs);
  source_.Publish("docker.io/library/python:3.11", root);
  ASSERT_OK(images_.Pin("python:3.11", LinuxPlatform("amd64")));
  source_.down = absl::UnavailableError("no network");
  const auto by_root = images_.Pin("python@" + root.Oci(), LinuxPlatform("amd64"));
  ASSERT_OK(by_root);
  const auto by_manifest = images_.Pin("python:other@" + by_root->manifest_digest(), LinuxPlatform("amd64"));
  ASSERT_OK(by_manifest);
  EXPECT_EQ(by_manifest->manifest_digest(), by_root->manifest_digest());
  EXPECT_OK(images_.Get(root.Oci()));
}

TEST_F(ImageStoreTest, DamagedBlobFromTheRegistryIsRefused) {
  source_.Publish("docker.io/library/python:3.11", oci::PutIndex(*source_.blobs));
  source_.damage = true;
  EXPECT_FALSE(images_.Pin("python:3.11", LinuxPlatform("amd64")).ok());
  EXPECT_TRUE(images_.List()->empty());
  source_.damage = false;
  EXPECT_OK(images_.Pin("python:3.11", LinuxPlatform("amd64")));
}

TEST_F(ImageStoreTest, PullReportsProgressAndCanBeEnded) {
  source_.Publish("docker.io/library/python:3.11", oci::PutIndex(*source_.blobs));
  std::stop_source stop;
  registry::PullOptions options;
  options.stop = stop.get_token();
  int steps = 0;
  options.on_progress = [&](const Digest&, int64_t) { ++steps; };
  ASSERT_OK(images_.Pull("python:3.11", options));
  EXPECT_EQ(steps, 5);
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(images_.Pull("python:3.11", options).status()));
}

TEST_F(ImageStoreTest, RecordWithoutItsLayersIsMadeAnew) {
  const Digest root = oci::PutIndex(*blobs_);
  ASSERT_OK(images_.Import("python", root, false));
  const auto first = images_.Pin("python", LinuxPlatform("amd64"));
  // A store that lost the uncompressed layers but not the image.
  auto other = MakeMemoryBlobStore();
  oci::PutIndex(*other);
  ImageStore again(*other, records_, source_, clock_);
  const auto second = again.Pin("python", LinuxPlatform("amd64"));
  ASSERT_OK(second);
  EXPECT_EQ(first->SerializeAsString(), second->SerializeAsString());
  EXPECT_TRUE(other->Has(FromProto(second->layers(0).tar())));
}

TEST_F(ImageStoreTest, RefreshAsksTheRegistryWhatTheTagMeansNow) {
  source_.Publish("docker.io/library/python:3.11", oci::PutImage(*source_.blobs, "amd64"));
  const auto first = images_.Pin("python:3.11", LinuxPlatform("amd64"));
  ASSERT_OK(first);
  source_.Publish("docker.io/library/python:3.11", oci::PutImage(*source_.blobs, "amd64", 100));
  EXPECT_EQ(images_.Pin("python:3.11", LinuxPlatform("amd64"))->manifest_digest(), first->manifest_digest());
  const auto refreshed = images_.Pin("python:3.11", LinuxPlatform("amd64"), true);
  ASSERT_OK(refreshed);
  EXPECT_NE(refreshed->manifest_digest(), first->manifest_digest());
  source_.down = absl::UnavailableError("no network");
  EXPECT_FALSE(images_.Pin("python:3.11", LinuxPlatform("amd64"), true).ok());
  // A digest has one meaning; what was imported is no registry's business.
  EXPECT_OK(images_.Pin("python@" + refreshed->manifest_digest(), LinuxPlatform("amd64"), true));
  ASSERT_OK(images_.Import("own", oci::PutImage(*blobs_, "amd64"), false));
  EXPECT_OK(images_.Pin("own", LinuxPlatform("amd64"), true));
}

TEST_F(ImageStoreTest, PulledLayersAreCheckedWhenTheyAreFirstUsed) {
  const Digest good = oci::PutImage(*source_.blobs, "amd64");
  auto manifest = *oci::ParseImageManifest(*source_.blobs->Get(good));
  std::swap(manifest.layers[0], manifest.layers[1]);
  source_.Publish("docker.io/library/odd:latest",
                  *source_.blobs->PutBytes(oci::WriteImageManifest(manifest)));
  ASSERT_OK(images_.Pull("odd", {}));
  const auto pinned = images_.Pin("odd", LinuxPlatform("amd64"));
  EXPECT_THAT(Text(pinned.status()), HasSubstr("diffID"));
}

TEST_F(ImageStoreTest, WhatTheStoreHasLostIsNoFaultOfTheRecipe) {
  const Digest root = oci::PutIndex(*blobs_);
  ASSERT_OK(images_.Import("python:3.11", root, true));
  // The documents are there, and no layer.
  auto partial = MakeMemoryBlobStore();
  ASSERT_OK(partial->PutBytes(*blobs_->Get(root)));
  const auto index = oci::ParseImageIndex(*blobs_->Get(root));
  ASSERT_OK(index);
  for (const oci::Descriptor& each : index->manifests) {
    if (!oci::IsImageDescriptor(each)) continue;
    ASSERT_OK(partial->PutBytes(*blobs_->Get(each.digest)));
    const auto manifest = oci::ParseImageManifest(*blobs_->Get(each.digest));
    ASSERT_OK(partial->PutBytes(*blobs_->Get(manifest->config.digest)));
  }
  ImageStore later(*partial, records_, source_, clock_);
  const auto pinned = later.Pin("python:3.11", LinuxPlatform("amd64"));
  EXPECT_TRUE(absl::IsUnavailable(pinned.status())) << pinned.status();
  EXPECT_THAT(Text(pinned.status()), AllOf(HasSubstr("no longer whole"), HasSubstr("is missing"),
                                           HasSubstr("crossmill image import")));
  // That it never had a platform is.
  EXPECT_TRUE(absl::IsNotFound(later.Pin("python:3.11", LinuxPlatform("s390x")).status()));
}

// Its blobs go with the cache when nothing needs them, whichever of them first.
TEST_F(ImageStoreTest, WhatARegistryGaveIsPulledAgainWhereItIsNoLongerWhole) {
  const Digest root = oci::PutIndex(*source_.blobs);
  source_.Publish("docker.io/library/python:3.11", root);
  const auto pinned = images_.Pin("python:3.11", LinuxPlatform("amd64"));
  ASSERT_OK(pinned);
  std::vector<Digest> blobs = {root, FromProto(pinned->layers(0).tar())};
  const Digest manifest{pinned->manifest_digest().substr(7),
                        records_.FindManifest(pinned->manifest_digest())->value().manifest.size};
  const auto document = oci::ParseImageManifest(*blobs_->Get(manifest));
  blobs.insert(blobs.end(), {manifest, document->config.digest, document->layers[0].digest});
  const auto all = oci::WalkImage(*blobs_, manifest);
  ASSERT_OK(all);
  std::vector<Digest> whole = {root};
  for (const auto* list : {&all->documents, &all->contents}) {
    for (const oci::Descriptor& each : *list) whole.push_back(each.digest);
  }
  for (const v1::Layer& layer : pinned->layers()) whole.push_back(FromProto(layer.tar()));
  for (const Digest& lost : blobs) {
    auto partial = MakeMemoryBlobStore();
    for (const Digest& each : whole) {
      if (each != lost) ASSERT_OK(partial->PutBytes(*blobs_->Get(each)));
    }
    ImageStore later(*partial, records_, source_, clock_);
    const auto again = later.Pin("python:3.11", LinuxPlatform("amd64"));
    ASSERT_OK(again);
    EXPECT_EQ(again->manifest_digest(), pinned->manifest_digest());
    EXPECT_TRUE(partial->Has(lost)) << lost.Oci();
  }
}

TEST_F(ImageStoreTest, RootIsPinnedByDigest) {
  const Digest root = oci::PutIndex(*blobs_);
  const auto pinned = images_.PinRoot(root, LinuxPlatform("arm64"), "oci-layout://x");
  ASSERT_OK(pinned);
  EXPECT_EQ(pinned->reference(), "oci-layout://x");
  EXPECT_EQ(pinned->layers_size(), 2);
  EXPECT_TRUE(absl::IsNotFound(images_.PinRoot(root, LinuxPlatform("s390x"), "x").status()));
  const auto missing = images_.PinRoot(DigestOf("nothing"), LinuxPlatform("amd64"), "x");
  EXPECT_TRUE(absl::IsUnavailable(missing.status())) << missing.status();
}

TEST_F(ImageStoreTest, PushGoesToItsOwnNameOrAnotherWithTheClientsCredentials) {
  ASSERT_OK(images_.Import("r.example/team/app:1", oci::PutImage(*blobs_, "amd64"), false));
  const auto own = images_.Push("r.example/team/app:1", "", {}, {{"r.example", {"u", "p", ""}}});
  ASSERT_OK(own);
  EXPECT_TRUE(source_.tags.contains("r.example/team/app:1"));
  ASSERT_EQ(source_.credentials.size(), 1u);
  EXPECT_EQ(source_.credentials[0].second.user, "u");
  ASSERT_OK(images_.Push(own->Oci(), "r.example/other:2", {}));
  EXPECT_TRUE(source_.tags.contains("r.example/other:2"));
  EXPECT_TRUE(absl::IsInvalidArgument(images_.Push(own->Oci(), "", {}).status()));
  EXPECT_TRUE(absl::IsNotFound(images_.Push("unknown", "r.example/x", {}).status()));
}

TEST_F(ImageStoreTest, LayersThatCameFromTheSameRegistryAreMounted) {
  const Digest base = oci::PutImage(*source_.blobs, "amd64");
  source_.Publish("r.example/base:1", base);
  ASSERT_OK(images_.Pull("r.example/base:1", {}));
  // The same image under another repository's name, and at another registry.
  ASSERT_OK(images_.Import("app", base, false));
  ASSERT_OK(images_.Push("app", "r.example/app:1", {}));
  const auto layer = oci::ParseImageManifest(*blobs_->Get(base))->layers[0].digest;
  EXPECT_EQ(source_.pushed_with.mount_from.at(layer.hash), "base");
  ASSERT_OK(images_.Push("app", "r.example/base:2", {}));
  EXPECT_TRUE(source_.pushed_with.mount_from.empty());
  ASSERT_OK(images_.Push("app", "other.example/app:1", {}));
  EXPECT_TRUE(source_.pushed_with.mount_from.empty());
}

TEST_F(ImageStoreTest, RemovalTakesAllNamesOrNone) {
  const Digest root = oci::PutImage(*blobs_, "amd64");
  for (const char* name : {"a:1", "a:2", "b:1"}) ASSERT_OK(images_.Import(name, root, false));
  EXPECT_TRUE(absl::IsNotFound(images_.Remove({{std::string("a:1"), std::string("no:1")}}).status()));
  EXPECT_EQ(images_.List()->size(), 3u);
  const auto removed = images_.Remove({{std::string("a:1")}});
  ASSERT_OK(removed);
  EXPECT_EQ((*removed)[0].name, "docker.io/library/a:1");
  EXPECT_EQ(images_.List()->size(), 2u);
  EXPECT_EQ(images_.Remove({{root.Oci()}})->size(), 2u);
  EXPECT_TRUE(images_.List()->empty());
  EXPECT_TRUE(blobs_->Has(root));
}

// What a name means is changed by whose it is, and by operators.
TEST_F(ImageStoreTest, ANameIsItsOwners) {
  const core::Author ann{"ann", false}, bob{"bob", false}, boss{"boss", true};
  const Digest first = oci::PutImage(*blobs_, "amd64"), second = oci::PutImage(*blobs_, "arm64");
  const std::vector<std::string> app = {"app:1"};
  ASSERT_OK(images_.CheckMayName(app, bob));  // nobody has it
  ASSERT_OK(images_.Import("app:1", first, false, ann));
  const absl::Status taken = images_.CheckMayName(app, bob);
  EXPECT_TRUE(absl::IsPermissionDenied(taken));
  EXPECT_THAT(std::string(taken.message()), HasSubstr("app:1 is that of 'ann': expected another name"));
  EXPECT_TRUE(absl::IsPermissionDenied(images_.Import("app:1", second, false, bob).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(images_.Remove(app, bob).status()));
  EXPECT_EQ(images_.Get("app:1")->root, first);
  ASSERT_OK(images_.Import("app:1", second, false, ann));
  ASSERT_OK(images_.Remove(app, ann));
  // What the operator has is no one's to take; an operator changes what is another's, and it stays that
  // one's.
  ASSERT_OK(images_.Import("base", first, true));
  EXPECT_TRUE(absl::IsPermissionDenied(images_.Import("base", second, false, bob).status()));
  ASSERT_OK(images_.Import("team", first, false, ann));
  ASSERT_OK(images_.Import("team", second, false, boss));
  ASSERT_OK(images_.Import("team", first, false, ann));
  // From before owners were recorded: whoever comes first.
  ImageRecord old = *images_.Get("base");
  old.owner.reset();
  ASSERT_OK(records_.PutImage(old));
  EXPECT_TRUE(absl::IsPermissionDenied(images_.Remove({{std::string("base")}}, bob).status()))
      << "as before there were owners";
  ASSERT_OK(images_.Import("base", second, false, bob));
}

// FROM python means what the registry has: nobody may put something else in its place.
TEST_F(ImageStoreTest, WhatARegistryGaveIsTheFarms) {
  const core::Author ann{"ann", false};
  source_.tags["docker.io/library/python:3.11"] = oci::PutImage(*source_.blobs, "amd64");
  ASSERT_OK(images_.Pull("python:3.11", {}, {}, ann));
  EXPECT_TRUE(absl::IsPermissionDenied(
      images_.Import("python:3.11", oci::PutImage(*blobs_, "arm64"), false, ann).status()));
  ASSERT_OK(images_.Pull("python:3.11", {}, {}, ann));  // again the registry's
  // From before owners were recorded it stays anybody's, and its owner's.
  for (const std::optional<std::string>& owner :
       {std::optional<std::string>(), std::optional<std::string>("ann")}) {
    ImageRecord old = *images_.Get("python:3.11");
    old.owner = owner;
    ASSERT_OK(records_.PutImage(old));
    ASSERT_OK(images_.Pull("python:3.11", {}));
    EXPECT_EQ(images_.Get("python:3.11")->owner, owner);
  }
  // Repositories of the team's own: what its builds call so may have come from the registry first.
  ImageStore with_own(*blobs_, records_, source_, clock_, [](const std::string& repository) {
    return repository.starts_with("r.example/team/");
  });
  source_.tags["r.example/team/app:1"] = oci::PutImage(*source_.blobs, "amd64");
  ASSERT_OK(with_own.Pull("r.example/team/app:1", {}));
  ASSERT_OK(with_own.Import("r.example/team/app:1", oci::PutImage(*blobs_, "arm64"), false, ann));
  ASSERT_OK(images_.Import("own:1", oci::PutImage(*blobs_, "arm64"), false, core::Author{"bob", false}));
  EXPECT_TRUE(absl::IsPermissionDenied(images_.Pull("own:1", {}, {}, ann).status()));
}

// What another project has is what there is not, for reading, building upon, pushing and removing.
TEST_F(ImageStoreTest, EachProjectHasItsOwnImages) {
  const core::Author bank{"ci", false, "bank"}, shop{"ci", false, "shop"}, boss{"boss", true};
  const auto scope = [](const core::Author& author) { return core::ScopeOf(author); };
  source_.down = absl::UnavailableError("no network");
  const Digest theirs = oci::PutImage(*blobs_, "amd64"), ours = oci::PutImage(*blobs_, "amd64", 100);
  ASSERT_OK(images_.Import("team/app:1", theirs, false, bank));
  const std::vector<std::string> app = {"team/app:1"};
  for (const std::string& name : {app[0], theirs.Oci()}) {
    const absl::Status hidden = images_.Get(name, scope(shop)).status();
    EXPECT_TRUE(absl::IsNotFound(hidden)) << hidden;
    EXPECT_EQ(Text(hidden), fmt::format("image {} is not in the farm's image store", name));
    EXPECT_TRUE(absl::IsNotFound(images_.Remove({{name}}, shop).status()));
    EXPECT_TRUE(absl::IsNotFound(images_.Push(name, "r.example/x:1", {}, {}, scope(shop)).status()));
    EXPECT_OK(images_.Get(name, scope(bank)));
    EXPECT_OK(images_.Get(name, scope(boss)));
  }
  EXPECT_FALSE(images_.Pin("team/app:1", LinuxPlatform("amd64"), false, {}, "shop").ok());
  EXPECT_FALSE(images_.Pin("x@" + theirs.Oci(), LinuxPlatform("amd64"), false, {}, "shop").ok())
      << "unpacked for the bank, so the farm has its manifest";
  EXPECT_FALSE(images_.Pin("x@" + theirs.Oci(), LinuxPlatform("amd64")).ok()) << "nor has default";
  EXPECT_OK(images_.Pin("x@" + theirs.Oci(), LinuxPlatform("amd64"), false, {}, "bank"));
  EXPECT_TRUE(images_.List(scope(shop))->empty());
  // The name is free for the other project, and means its own image there.
  ASSERT_OK(images_.CheckMayName(app, shop));
  ASSERT_OK(images_.Import("team/app:1", ours, false, shop));
  EXPECT_EQ(images_.Get("team/app:1", scope(shop))->root, ours);
  EXPECT_EQ(images_.Get("team/app:1", scope(bank))->root, theirs);
  EXPECT_EQ(images_.List(scope(boss))->size(), 2u);
  const absl::Status which = images_.Get("team/app:1", scope(boss)).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(which)) << which;
  EXPECT_THAT(Text(which), HasSubstr("2 projects have an image docker.io/team/app:1, bank and shop"));
  ASSERT_OK(images_.Remove(app, shop));
  EXPECT_EQ(images_.Get("team/app:1", scope(boss))->root, theirs);
  // An operator who changes it leaves it the project's.
  EXPECT_FALSE(images_.Get("team/app:1", scope(boss))->shared);
}

TEST_F(ImageStoreTest, WhatOperatorsAndRegistriesGaveIsEverybodys) {
  const core::Author bank{"ci", false, "bank"}, shop{"ci", false, "shop"};
  const auto scope = [](const core::Author& author) { return core::ScopeOf(author); };
  ASSERT_OK(images_.Import("base:1", oci::PutImage(*blobs_, "amd64"), false));
  source_.tags["docker.io/library/python:3.11"] = oci::PutImage(*source_.blobs, "amd64");
  ASSERT_OK(images_.Pull("python:3.11", {}, {}, bank));
  for (const char* name : {"base:1", "python:3.11"}) {
    EXPECT_OK(images_.Get(name, scope(shop)));
    EXPECT_OK(images_.Pin(name, LinuxPlatform("amd64"), false, {}, "shop"));
    EXPECT_TRUE(
        absl::IsPermissionDenied(images_.Import(name, oci::PutImage(*blobs_, "arm64"), false, shop).status()))
        << name << " means the same to all";
  }
  // What somebody's own credentials got is not everybody's.
  source_.tags["r.example/secret:1"] = oci::PutImage(*source_.blobs, "amd64", 7);
  ASSERT_OK(images_.Pull("r.example/secret:1", {}, {{"r.example", {"ann", "pw", ""}}}, bank));
  source_.down = absl::PermissionDeniedError("no");
  EXPECT_OK(images_.Pin("r.example/secret:1", LinuxPlatform("amd64"), false, {}, "bank"));
  EXPECT_FALSE(images_.Pin("r.example/secret:1", LinuxPlatform("amd64"), false, {}, "shop").ok());
  EXPECT_FALSE(images_.Pin("r.example/secret:1", LinuxPlatform("amd64")).ok());
  EXPECT_TRUE(absl::IsNotFound(images_.Get("r.example/secret:1", scope(shop)).status()));
}

// `default` has names of its own, as others have, although what everybody has is called so in it.
TEST_F(ImageStoreTest, WhatAnotherProjectBuildsUponTakesNoNameOfDefault) {
  const core::Author ann{"ann", false}, shop{"ci", false, "shop"};
  const Digest hers = oci::PutImage(*blobs_, "amd64");
  ASSERT_OK(images_.Import("team/app:1", hers, false, ann));
  source_.tags["docker.io/team/app:1"] = oci::PutImage(*source_.blobs, "amd64", 100);
  const Digest published = source_.tags["docker.io/team/app:1"];
  ASSERT_OK(images_.Pin("team/app:1", LinuxPlatform("amd64"), false, {}, "shop"));
  EXPECT_EQ(images_.Get("team/app:1", core::ScopeOf(ann))->root, hers);
  EXPECT_EQ(images_.Get("team/app:1", core::ScopeOf(ann))->origin, "import");
  EXPECT_EQ(images_.Get("team/app:1", core::ScopeOf(shop))->root, published);
  // Nor does one of its own become everybody's because a registry had given the name before.
  ImageStore with_own(*blobs_, records_, source_, clock_, [](const std::string&) { return true; });
  source_.tags["r.example/team/base:1"] = published;
  ASSERT_OK(with_own.Pull("r.example/team/base:1", {}));
  ASSERT_OK(with_own.Get("r.example/team/base:1", core::ScopeOf(shop)));
  ASSERT_OK(with_own.Import("r.example/team/base:1", hers, false, ann));
  EXPECT_TRUE(absl::IsNotFound(with_own.Get("r.example/team/base:1", core::ScopeOf(shop)).status()));
  EXPECT_EQ(with_own.Get("r.example/team/base:1", core::ScopeOf(ann))->root, hers);
}

// A project that keeps as much as it may gets no image more until some are removed; others are not held up.
TEST_F(ImageStoreTest, AProjectKeepsSoManyBytesOfImages) {
  const core::Author bank{"ci", false, "bank"}, shop{"ci", false, "shop"};
  const Digest first = oci::PutImage(*blobs_, "amd64"), second = oci::PutImage(*blobs_, "amd64", 100);
  ASSERT_OK(images_.Import("app:1", first, false, bank));
  const int64_t bytes = *records_.ImageBytes("bank");
  ASSERT_GT(bytes, 0);
  images_.LimitBy([&](const std::string& project) { return project == "bank" ? bytes + 1 : 0; });
  // Another name of the same image is no image more.
  ASSERT_OK(images_.Import("app:latest", first, false, bank));
  EXPECT_EQ(*records_.ImageBytes("bank"), bytes);
  ASSERT_OK(images_.Import("app:2", second, false, bank));
  const absl::Status full = images_.Import("app:3", second, false, bank).status();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_THAT(Text(full), HasSubstr("the project bank keeps images of"));
  EXPECT_THAT(Text(full), HasSubstr("crossmill admin project set bank image-bytes=SIZE"));
  EXPECT_EQ(images_.CheckRoom("bank"), full);
  ASSERT_OK(images_.CheckRoom("shop"));
  ASSERT_OK(images_.Import("app:3", second, false, shop));
  ASSERT_OK(images_.Remove({{std::string("app:2")}}, bank));
  ASSERT_OK(images_.CheckRoom("bank"));
}

TEST(FamiliarNameTest, LeavesOutWhatPeopleLeaveOut) {
  EXPECT_EQ(FamiliarName("docker.io/library/python:3.11"), "python:3.11");
  EXPECT_EQ(FamiliarName("docker.io/team/app:1"), "team/app:1");
  EXPECT_EQ(FamiliarName("localhost:5000/app:1"), "localhost:5000/app:1");
}

TEST_F(ImageStoreTest, ABuildsImageGetsItsNamesInItsProject) {
  const core::Author shop{"ci", false, "shop"}, bank{"ci", false, "bank"};
  const Digest root = oci::PutImage(*blobs_, "amd64");
  ASSERT_OK(images_.NameBuilt({{"app:1"}}, root, 12, shop));
  const auto named = images_.Get("app:1", core::ScopeOf(shop));
  ASSERT_OK(named);
  EXPECT_EQ(named->origin, "build 12");
  EXPECT_EQ(named->project, "shop");
  EXPECT_FALSE(named->shared);
  EXPECT_OK(images_.Get(root.Oci(), core::ScopeOf(shop)).status());
  EXPECT_FALSE(images_.Get("app:1", core::ScopeOf(bank)).ok());
  EXPECT_FALSE(images_.Get(root.Oci(), core::ScopeOf(bank)).ok());
}

TEST_F(ImageStoreTest, ABuildsImageTakesNoNameThatIsAnothers) {
  const core::Author ann{"ann", false}, bob{"bob", false};
  const Digest first = oci::PutImage(*blobs_, "amd64"), second = oci::PutImage(*blobs_, "arm64");
  ASSERT_OK(images_.NameBuilt({{"app:1"}}, first, 1, ann));
  const absl::Status refused = images_.NameBuilt(std::vector<std::string>{"free:1", "app:1"}, second, 2, bob);
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  // Nothing was named.
  EXPECT_FALSE(images_.Get("free:1", core::ScopeOf(bob)).ok());
  EXPECT_EQ(images_.Get("app:1", core::ScopeOf(ann))->root, first);
}

TEST_F(ImageStoreTest, WhoKeepsAsMuchAsHeMayGetsNoNamesMore) {
  const core::Author ann{"ann", false};
  images_.LimitBy([](const std::string&) { return 1; });
  const Digest first = oci::PutImage(*blobs_, "amd64"), second = oci::PutImage(*blobs_, "arm64");
  ASSERT_OK(images_.NameBuilt({{"app:1"}}, first, 1, ann));
  EXPECT_EQ(images_.NameBuilt({{"app:2"}}, second, 2, ann).code(), absl::StatusCode::kResourceExhausted);
  // The same once more takes nothing.
  EXPECT_OK(images_.NameBuilt({{"app:1"}}, first, 1, ann));
}

}  // namespace
}  // namespace crossmill::coordinator
