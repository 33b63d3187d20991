// Walls between projects: every method that the descriptors list is called by tokens of one project with what
// belongs to another. A method that is added to a .proto file and has no line here fails: nobody has said yet
// how it is walled.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>

#include <map>
#include <set>
#include <string>

#include "common/rpc/status_proto.h"
#include "coordinator/http/table/route_table.h"
#include "coordinator/rpc/authenticator.h"
#include "crossmill/v1/people_service.grpc.pb.h"
#include "tests/integration/test_farm.h"
#include "tests/support/raw_call.h"

namespace crossmill {
namespace {

using ::google::protobuf::DescriptorPool;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::FileDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::MethodDescriptor;
using ::testing::HasSubstr;

// In everything that the other project's build has and people read.
constexpr char kMark[] = "bankvault";
// Of a build and an execution that there are not.
constexpr int64_t kNothing = 987654;

enum class Wall {
  // The request names a build, an execution or a submission: of another project there is none.
  kNotFound,
  // The answer has nothing of another project in it.
  kSilent,
  // For those who decide about the whole farm, for workers, or at the socket.
  kRefused,
  // Takes or gives content or image names, which docs/security.md says are not walled; or gives what only its
  // caller brought.
  kContent,
};

const std::map<std::string, Wall>& Walls() {
  static const auto* const walls = new std::map<std::string, Wall>{
      {"crossmill.v1.Builds/SubmitBuild", Wall::kContent},
      {"crossmill.v1.Builds/WatchBuild", Wall::kNotFound},
      {"crossmill.v1.Builds/GetBuild", Wall::kNotFound},
      {"crossmill.v1.Builds/ListBuilds", Wall::kSilent},
      {"crossmill.v1.Builds/CancelBuild", Wall::kNotFound},
      {"crossmill.v1.Builds/RetryBuild", Wall::kNotFound},
      {"crossmill.v1.Builds/ShareBuild", Wall::kNotFound},
      {"crossmill.v1.Builds/ReadLog", Wall::kNotFound},
      {"crossmill.v1.Builds/ListLogLines", Wall::kNotFound},
      {"crossmill.v1.Builds/ListPackages", Wall::kNotFound},
      {"crossmill.v1.Builds/ListFetches", Wall::kNotFound},
      {"crossmill.v1.Builds/GetSubmission", Wall::kNotFound},
      {"crossmill.v1.Builds/Attach", Wall::kNotFound},
      {"crossmill.v1.Matrices/SubmitMatrix", Wall::kContent},
      {"crossmill.v1.Matrices/GetMatrix", Wall::kNotFound},
      {"crossmill.v1.Matrices/CancelMatrix", Wall::kNotFound},
      {"crossmill.v1.Submissions/SubmitFiles", Wall::kContent},
      {"crossmill.v1.Submissions/GetSubmissionState", Wall::kNotFound},
      {"crossmill.v1.Submissions/CancelSubmission", Wall::kNotFound},
      {"crossmill.v1.Predictions/Predict", Wall::kNotFound},
      {"crossmill.v1.Packages/ListHistory", Wall::kSilent},
      {"crossmill.v1.Packages/ListCompiled", Wall::kSilent},
      {"crossmill.v1.Packages/ListUses", Wall::kSilent},
      {"crossmill.v1.Images/ImportImage", Wall::kSilent},
      {"crossmill.v1.Images/ListImages", Wall::kSilent},
      {"crossmill.v1.Images/PullImage", Wall::kSilent},
      // By name and by digest: ImagesOfAnotherProjectAreNotThere.
      {"crossmill.v1.Images/GetImage", Wall::kSilent},
      {"crossmill.v1.Images/RemoveImage", Wall::kSilent},
      {"crossmill.v1.Images/PushImage", Wall::kSilent},
      {"crossmill.v1.Images/ReadStatements", Wall::kContent},
      {"crossmill.v1.Wheels/ListFarmWheels", Wall::kSilent},
      {"crossmill.v1.Wheels/RemoveFarmWheels", Wall::kRefused},
      {"crossmill.v1.Attestations/ListStatements", Wall::kNotFound},
      {"crossmill.v1.Verification/VerifyBuild", Wall::kNotFound},
      {"crossmill.v1.Verification/ReverifyBuilds", Wall::kSilent},
      {"crossmill.v1.Verification/ListHistory", Wall::kNotFound},
      {"crossmill.v1.Verification/CompareBuilds", Wall::kNotFound},
      {"crossmill.v1.Overview/ListWall", Wall::kSilent},
      {"crossmill.v1.Overview/GetTrends", Wall::kSilent},
      {"crossmill.v1.Overview/WatchFarm", Wall::kSilent},
      {"crossmill.v1.Farm/ListWorkers", Wall::kSilent},
      {"crossmill.v1.Farm/GetVersion", Wall::kSilent},
      {"crossmill.v1.Farm/GetFarmStatus", Wall::kSilent},
      {"crossmill.v1.Farm/MakePageLink", Wall::kRefused},
      {"crossmill.v1.Farm/GetCaller", Wall::kSilent},
      {"crossmill.v1.Farm/DrainWorker", Wall::kRefused},
      {"crossmill.v1.Farm/UndrainWorker", Wall::kRefused},
      {"crossmill.v1.Farm/CordonWorker", Wall::kRefused},
      {"crossmill.v1.Farm/UncordonWorker", Wall::kRefused},
      {"crossmill.v1.Farm/RemoveWorker", Wall::kRefused},
      {"crossmill.v1.Farm/DistrustWorker", Wall::kRefused},
      {"crossmill.v1.Farm/TrustWorker", Wall::kRefused},
      {"crossmill.v1.Farm/ListAccelerators", Wall::kSilent},
      {"crossmill.v1.Farm/AllowAccelerator", Wall::kRefused},
      {"crossmill.v1.Notices/ListStateChanges", Wall::kSilent},
      {"crossmill.v1.Notices/ListNameStates", Wall::kSilent},
      {"crossmill.v1.Webhooks/AddWebhook", Wall::kRefused},
      {"crossmill.v1.Webhooks/ListWebhooks", Wall::kRefused},
      {"crossmill.v1.Webhooks/RemoveWebhook", Wall::kRefused},
      {"crossmill.v1.Webhooks/ListDeliveries", Wall::kRefused},
      {"crossmill.v1.Webhooks/Redeliver", Wall::kRefused},
      {"crossmill.v1.Retention/ListPolicies", Wall::kSilent},
      {"crossmill.v1.Retention/SetPolicy", Wall::kRefused},
      {"crossmill.v1.Retention/GetDiskUse", Wall::kSilent},
      {"crossmill.v1.Retention/Collect", Wall::kRefused},
      {"crossmill.v1.Retention/PinBuild", Wall::kNotFound},
      {"crossmill.v1.Retention/UnpinBuild", Wall::kNotFound},
      {"crossmill.v1.Retention/ListPins", Wall::kSilent},
      {"crossmill.v1.People/CreateProject", Wall::kRefused},
      {"crossmill.v1.People/ListProjects", Wall::kRefused},
      {"crossmill.v1.People/SetProject", Wall::kRefused},
      {"crossmill.v1.People/RemoveProject", Wall::kRefused},
      {"crossmill.v1.People/CreateToken", Wall::kRefused},
      {"crossmill.v1.People/ListTokens", Wall::kRefused},
      {"crossmill.v1.People/RevokeToken", Wall::kRefused},
      {"crossmill.v1.People/CreateIdentityRule", Wall::kRefused},
      {"crossmill.v1.People/ListIdentityRules", Wall::kRefused},
      {"crossmill.v1.People/RemoveIdentityRule", Wall::kRefused},
      // Whoever has an identity token is nobody yet.
      {"crossmill.v1.People/ExchangeIdentity", Wall::kContent},
      // Of the token that asks.
      {"crossmill.v1.People/IssueCertificate", Wall::kContent},
      {"crossmill.v1.People/VerifyAudit", Wall::kRefused},
      {"crossmill.v1.People/ListAudit", Wall::kRefused},
      {"crossmill.v1.Machines/CreateInvitation", Wall::kRefused},
      {"crossmill.v1.Machines/ListInvitations", Wall::kRefused},
      {"crossmill.v1.Machines/RevokeInvitation", Wall::kRefused},
      {"crossmill.v1.Machines/ListMachines", Wall::kRefused},
      {"crossmill.v1.Machines/RemoveMachine", Wall::kRefused},
      {"crossmill.v1.Machines/Join", Wall::kContent},
      {"crossmill.v1.Machines/RenewCertificate", Wall::kRefused},
      {"crossmill.v1.LocalDoor/Invite", Wall::kContent},
      {"crossmill.v1.WorkerQueue/Synchronize", Wall::kRefused},
      {"crossmill.v1.WorkerQueue/Forward", Wall::kRefused},
      {"crossmill.v1.IndexPages/Load", Wall::kRefused},
      {"crossmill.v1.IndexPages/Save", Wall::kRefused},
      {"crossmill.v1.BlobPlaces/LocateBlob", Wall::kRefused},
      {"build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs", Wall::kContent},
      {"build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs", Wall::kContent},
      {"build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs", Wall::kContent},
      {"build.bazel.remote.execution.v2.ContentAddressableStorage/GetTree", Wall::kContent},
      {"build.bazel.remote.execution.v2.Capabilities/GetCapabilities", Wall::kContent},
      {"google.bytestream.ByteStream/Read", Wall::kContent},
      {"google.bytestream.ByteStream/Write", Wall::kContent},
      {"google.bytestream.ByteStream/QueryWriteStatus", Wall::kContent},
  };
  return *walls;
}

std::vector<const MethodDescriptor*> AllMethods() {
  std::vector<const MethodDescriptor*> methods;
  for (const char* name : {"crossmill/v1/client_service.proto", "crossmill/v1/notices_service.proto",
                           "crossmill/v1/people_service.proto", "crossmill/v1/machines_service.proto",
                           "crossmill/v1/retention_service.proto", "crossmill/v1/worker_service.proto",
                           "crossmill/v1/bucket_service.proto", "crossmill/v1/local_service.proto",
                           "build/bazel/remote/execution/v2/remote_execution_services.proto",
                           "google/bytestream/bytestream_service.proto"}) {
    const FileDescriptor* file = DescriptorPool::generated_pool()->FindFileByName(name);
    EXPECT_NE(file, nullptr) << name;
    for (int i = 0; file != nullptr && i < file->service_count(); ++i) {
      for (int k = 0; k < file->service(i)->method_count(); ++k)
        methods.push_back(file->service(i)->method(k));
    }
  }
  return methods;
}

std::string NameOf(const MethodDescriptor& method) {
  return method.service()->full_name() + "/" + method.name();
}

class WallsTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    people_ = v1::People::NewStub(channel_);
    for (const char* project : {"bank", "shop"}) {
      grpc::ClientContext context;
      v1::CreateProjectRequest request;
      request.set_name(project);
      v1::CreateProjectResponse response;
      ASSERT_OK(rpc::FromGrpc(people_->CreateProject(&context, request, &response)));
    }
    AddToken("bank-ci", "bank", v1::ACCESS_SUBMIT);
    AddToken("shop-ci", "shop", v1::ACCESS_SUBMIT);
    AddToken("shop-reader", "shop", v1::ACCESS_READ);
    AddToken("everybody", "", v1::ACCESS_SUBMIT);
    AddToken("boss", "", v1::ACCESS_OPERATE);
  }

  void AddToken(const std::string& name, const std::string& project, v1::Access role) {
    grpc::ClientContext context;
    v1::CreateTokenRequest request;
    request.set_name(name);
    request.set_project(project);
    request.set_role(role);
    v1::CreateTokenResponse response;
    ASSERT_OK(rpc::FromGrpc(people_->CreateToken(&context, request, &response)));
    tokens_[name] = response.secret();
  }

  int64_t SubmitAs(const std::string& token, const v1::BuildSubmission& submission,
                   const std::string& key = "") {
    builds_ = v1::Builds::NewStub(TcpChannel(token));
    const int64_t build = Submit(submission, key);
    builds_ = v1::Builds::NewStub(channel_);
    return build;
  }

  v1::BuildSubmission Marked() {
    v1::BuildSubmission submission = Submission(std::string("FROM scratch\nRUN write ") + kMark + "\n");
    submission.mutable_options()->add_tags(std::string("team/") + kMark + ":1");
    return submission;
  }

  // What the method is asked about the build and its execution.
  std::string MessageFor(const MethodDescriptor& method, int64_t build, int64_t execution) {
    const std::unique_ptr<Message> message(factory_.GetPrototype(method.input_type())->New());
    const auto set = [&](const char* name, const auto& with) {
      const FieldDescriptor* field = method.input_type()->FindFieldByName(name);
      if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_INT64)
        message->GetReflection()->SetInt64(message.get(), field, with);
    };
    for (const char* name : {"build_id", "first", "second", "against_build", "matrix_id"}) set(name, build);
    set("execution", execution);
    for (const char* name : {"name", "requirement"}) {
      const FieldDescriptor* field = method.input_type()->FindFieldByName(name);
      const bool asks = method.service()->name() == "Packages" && field != nullptr;
      if (asks) message->GetReflection()->SetString(message.get(), field, "numpy");
    }
    if (const auto* field = method.input_type()->FindFieldByName("max"); field != nullptr)
      message->GetReflection()->SetInt32(message.get(), field, 10);
    if (const auto* field = method.input_type()->FindFieldByName("dry_run"); field != nullptr)
      message->GetReflection()->SetBool(message.get(), field, true);
    if (const auto* field = method.input_type()->FindFieldByName("submission");
        field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING)
      message->GetReflection()->SetString(message.get(), field, std::to_string(build));
    return message->SerializeAsString();
  }

  std::pair<grpc::Status, std::string> Ask(const std::string& token, const MethodDescriptor& method,
                                           int64_t build, int64_t execution) {
    return CallRaw(TcpChannel(token), "/" + NameOf(method), MessageFor(method, build, execution));
  }

  google::protobuf::DynamicMessageFactory factory_{DescriptorPool::generated_pool()};
  std::unique_ptr<v1::People::Stub> people_;
};

TEST_F(WallsTest, EveryMethodHasALineAndEveryRouteIsOneOfThem) {
  std::set<std::string> methods;
  for (const MethodDescriptor* method : AllMethods()) {
    methods.insert(NameOf(*method));
    EXPECT_TRUE(Walls().contains(NameOf(*method)))
        << NameOf(*method) << ": say in this test how it is walled, and in docs/security.md if it is not";
    const auto access = coordinator::AccessOf(method->service()->full_name(), method->name());
    ASSERT_TRUE(access.has_value()) << NameOf(*method);
  }
  for (const auto& [name, wall] : Walls()) EXPECT_TRUE(methods.contains(name)) << name << " is not served";
  for (const coordinator::door::Route& route : coordinator::door::Routes())
    EXPECT_TRUE(Walls().contains(std::string(route.method))) << route.path;
}

TEST_F(WallsTest, ATokenOfAProjectNeitherSeesNorUsesWhatIsOfAnother) {
  const auto worker = NewWorker("one");
  const int64_t build = SubmitAs("bank-ci", Marked());
  const v1::BuildView view = WaitForEnd(build);
  ASSERT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  const int64_t execution = view.stages(0).steps(0).execution();
  ASSERT_NE(execution, 0);
  int walled = 0;
  for (const std::string token : {"shop-ci", "shop-reader", "everybody"}) {
    for (const MethodDescriptor* method : AllMethods()) {
      const std::string name = NameOf(*method);
      const Wall wall = Walls().at(name);
      if (wall == Wall::kContent) continue;
      // It has no end; what its followers are told is in farm_watchers_test.cc.
      if (name == "crossmill.v1.Overview/WatchFarm") continue;
      const auto [status, answer] = Ask(token, *method, build, execution);
      EXPECT_NE(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << name << " with " << token;
      EXPECT_THAT(answer, ::testing::Not(HasSubstr(kMark))) << name << " with " << token;
      EXPECT_THAT(status.error_message(), ::testing::Not(HasSubstr(kMark))) << name << " with " << token;
      ++walled;
      if (wall == Wall::kSilent) continue;
      const bool refused = status.error_code() == grpc::StatusCode::PERMISSION_DENIED;
      if (wall == Wall::kRefused) {
        EXPECT_TRUE(refused) << name << " with " << token << ": " << status.error_message();
        continue;
      }
      // A reader is told that it may not, whatever it asks.
      if (refused && token == "shop-reader") continue;
      EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND)
          << name << " with " << token << ": " << status.error_message();
      // What there is not is answered in the same words.
      const auto [none, nothing] = Ask(token, *method, kNothing, kNothing);
      std::string words = none.error_message();
      for (size_t at; (at = words.find(std::to_string(kNothing))) != std::string::npos;)
        words.replace(at, std::to_string(kNothing).size(), "N");
      std::string said = status.error_message();
      const std::string number =
          std::to_string(name.ends_with("Log") || name.ends_with("LogLines") ? execution : build);
      for (size_t at; (at = said.find(number)) != std::string::npos;) said.replace(at, number.size(), "N");
      EXPECT_EQ(none.error_code(), status.error_code()) << name;
      EXPECT_EQ(said, words) << name << " with " << token;
    }
  }
  EXPECT_GE(walled, 150);
}

TEST_F(WallsTest, WhoeverOperatesSeesAllAndOnesOwnIsSeen) {
  const auto worker = NewWorker("one");
  const int64_t build = SubmitAs("bank-ci", Marked());
  ASSERT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  const std::set<std::string> telling = {
      "crossmill.v1.Builds/GetBuild",        "crossmill.v1.Builds/ListBuilds",
      "crossmill.v1.Builds/GetSubmission",   "crossmill.v1.Overview/ListWall",
      "crossmill.v1.Notices/ListNameStates", "crossmill.v1.Notices/ListStateChanges"};
  for (const MethodDescriptor* method : AllMethods()) {
    if (!telling.contains(NameOf(*method))) continue;
    for (const std::string token : {"boss", "bank-ci"}) {
      const auto [status, answer] = Ask(token, *method, build, 0);
      EXPECT_TRUE(status.ok()) << NameOf(*method) << " with " << token << ": " << status.error_message();
      EXPECT_THAT(answer, HasSubstr(kMark)) << NameOf(*method) << " with " << token;
    }
  }
}

TEST_F(WallsTest, NoStepOfAnotherProjectIsAHitAndOnesOwnIs) {
  const auto worker = NewWorker("one");
  const v1::BuildSubmission submission = Submission("FROM scratch\nRUN write same\n");
  const auto status = [&](int64_t build) { return WaitForEnd(build).stages(0).steps(0).status(); };
  EXPECT_EQ(status(SubmitAs("bank-ci", submission)), v1::STEP_STATUS_EXECUTED);
  EXPECT_EQ(status(SubmitAs("shop-ci", submission)), v1::STEP_STATUS_EXECUTED);
  EXPECT_EQ(status(SubmitAs("everybody", submission)), v1::STEP_STATUS_EXECUTED);
  EXPECT_EQ(status(SubmitAs("bank-ci", submission)), v1::STEP_STATUS_CACHED);
  EXPECT_EQ(status(SubmitAs("shop-ci", submission)), v1::STEP_STATUS_CACHED);
  // The operator's are of the project that every farm has.
  EXPECT_EQ(status(Submit(submission)), v1::STEP_STATUS_CACHED);
}

TEST_F(WallsTest, TwoTokensOfOneNameInTwoProjectsAreTwoClients) {
  AddToken("ci", "bank", v1::ACCESS_SUBMIT);
  const std::string of_bank = tokens_.at("ci");
  AddToken("ci", "shop", v1::ACCESS_SUBMIT);
  const v1::BuildSubmission submission = Submission("FROM scratch\nRUN write same\n");
  const int64_t theirs = SubmitAs("ci", submission, "one key");
  tokens_["ci"] = of_bank;
  const int64_t ours = SubmitAs("ci", submission, "one key");
  EXPECT_NE(theirs, ours);
  EXPECT_EQ(SubmitAs("ci", submission, "one key"), ours);
}

TEST_F(WallsTest, ImagesOfAnotherProjectAreNotThere) {
  const auto worker = NewWorker("one");
  const std::string name = std::string("team/") + kMark + ":1";
  const v1::BuildView theirs = WaitForEnd(SubmitAs("bank-ci", Marked()));
  ASSERT_EQ(theirs.status(), v1::BUILD_STATUS_SUCCEEDED) << theirs.message();
  const auto get = [&](const std::string& token, const std::string& wanted, v1::GetImageResponse* response) {
    grpc::ClientContext context;
    v1::GetImageRequest request;
    request.set_name(wanted);
    return v1::Images::NewStub(TcpChannel(token))->GetImage(&context, request, response);
  };
  v1::GetImageResponse image;
  // Its image is packed after the build.
  ASSERT_OK(rpc::FromGrpc(get("bank-ci", name, &image)));
  const std::string digest = image.image().digest();
  for (const std::string token : {"shop-ci", "shop-reader", "everybody"}) {
    for (const std::string& wanted : {name, digest}) {
      v1::GetImageResponse none;
      const grpc::Status hidden = get(token, wanted, &none);
      EXPECT_EQ(hidden.error_code(), grpc::StatusCode::NOT_FOUND) << token << " " << wanted;
      EXPECT_EQ(hidden.error_message(), "image " + wanted + " is not in the farm's image store");
    }
  }
  EXPECT_TRUE(get("boss", digest, &image).ok());
  grpc::ClientContext context;
  v1::RemoveImageRequest remove;
  remove.add_names(name);
  v1::RemoveImageResponse removed;
  EXPECT_EQ(v1::Images::NewStub(TcpChannel("shop-ci"))->RemoveImage(&context, remove, &removed).error_code(),
            grpc::StatusCode::NOT_FOUND);
  // Nor can anybody build upon it, or take its name away by having one of the same text.
  const v1::BuildView upon = WaitForEnd(SubmitAs("shop-ci", Submission("FROM " + name + "\nRUN write x\n")));
  EXPECT_NE(upon.status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_THAT(upon.message(), HasSubstr("is not in the farm's image store"));
  v1::BuildSubmission own = Submission("FROM scratch\nRUN write other\n");
  own.mutable_options()->add_tags(name);
  ASSERT_EQ(WaitForEnd(SubmitAs("shop-ci", own)).status(), v1::BUILD_STATUS_SUCCEEDED);
  ASSERT_OK(rpc::FromGrpc(get("shop-ci", name, &image)));
  EXPECT_NE(image.image().digest(), digest);
  ASSERT_OK(rpc::FromGrpc(get("bank-ci", name, &image)));
  EXPECT_EQ(image.image().digest(), digest);
}

// A build that its project shares can be read by all who know its number, and only read.
TEST_F(WallsTest, ASharedBuildIsReadAndNotChanged) {
  const auto worker = NewWorker("one");
  const int64_t build = SubmitAs("bank-ci", Marked());
  const v1::BuildView view = WaitForEnd(build);
  ASSERT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED);
  const int64_t execution = view.stages(0).steps(0).execution();
  const std::set<std::string> reads = {
      "crossmill.v1.Builds/GetBuild",           "crossmill.v1.Builds/ReadLog",
      "crossmill.v1.Builds/ListLogLines",       "crossmill.v1.Builds/ListPackages",
      "crossmill.v1.Builds/ListFetches",        "crossmill.v1.Builds/GetSubmission",
      "crossmill.v1.Verification/CompareBuilds"};
  const std::set<std::string> writes = {"crossmill.v1.Builds/CancelBuild", "crossmill.v1.Builds/RetryBuild",
                                        "crossmill.v1.Builds/ShareBuild", "crossmill.v1.Retention/PinBuild",
                                        "crossmill.v1.Verification/VerifyBuild"};
  const auto share = [&](const std::string& token, bool undo) {
    grpc::ClientContext context;
    v1::ShareBuildRequest request;
    request.set_build_id(build);
    request.set_undo(undo);
    v1::ShareBuildResponse response;
    return rpc::FromGrpc(v1::Builds::NewStub(TcpChannel(token))->ShareBuild(&context, request, &response));
  };
  EXPECT_TRUE(absl::IsNotFound(share("shop-ci", false)));
  ASSERT_OK(share("bank-ci", false));
  ASSERT_OK(share("bank-ci", false));
  for (const MethodDescriptor* method : AllMethods()) {
    const std::string name = NameOf(*method);
    if (!reads.contains(name) && !writes.contains(name) && name != "crossmill.v1.Builds/ListBuilds") continue;
    const auto [status, answer] = Ask("shop-ci", *method, build, execution);
    if (reads.contains(name)) {
      EXPECT_TRUE(status.ok()) << name << ": " << status.error_message();
    }
    if (writes.contains(name)) {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED)
          << name << ": " << status.error_message();
    }
    // It is in nobody else's lists.
    if (name == "crossmill.v1.Builds/ListBuilds") {
      EXPECT_THAT(answer, ::testing::Not(HasSubstr(kMark)));
    }
  }
  const auto watch = [&] {
    grpc::ClientContext context;
    v1::WatchBuildRequest request;
    request.set_build_id(build);
    const auto reader = v1::Builds::NewStub(TcpChannel("shop-ci"))->WatchBuild(&context, request);
    v1::WatchBuildResponse response;
    while (reader->Read(&response)) continue;
    return rpc::FromGrpc(reader->Finish());
  };
  EXPECT_OK(watch());
  ASSERT_OK(share("bank-ci", true));
  EXPECT_TRUE(absl::IsNotFound(watch()));
  for (const MethodDescriptor* method : AllMethods()) {
    if (!reads.contains(NameOf(*method))) continue;
    EXPECT_EQ(Ask("shop-ci", *method, build, execution).first.error_code(), grpc::StatusCode::NOT_FOUND)
        << NameOf(*method);
  }
}

// What a shared build shows of a step that it reused is of a build that is not shared.
TEST_F(WallsTest, TheConsolesOfASharedBuildAreReadAlsoOfStepsThatItReused) {
  const auto worker = NewWorker("one");
  const v1::BuildView first = WaitForEnd(SubmitAs("bank-ci", Marked()));
  const v1::BuildView second = WaitForEnd(SubmitAs("bank-ci", Marked()));
  ASSERT_EQ(second.stages(0).steps(0).status(), v1::STEP_STATUS_CACHED);
  const int64_t execution = second.stages(0).steps(0).execution();
  ASSERT_EQ(execution, first.stages(0).steps(0).execution());
  const auto read = [&] {
    grpc::ClientContext context;
    v1::ListLogLinesRequest request;
    request.set_execution(execution);
    v1::ListLogLinesResponse response;
    return rpc::FromGrpc(
        v1::Builds::NewStub(TcpChannel("shop-ci"))->ListLogLines(&context, request, &response));
  };
  EXPECT_TRUE(absl::IsNotFound(read()));
  grpc::ClientContext context;
  v1::ShareBuildRequest share;
  share.set_build_id(second.id());
  v1::ShareBuildResponse shared;
  ASSERT_OK(rpc::FromGrpc(v1::Builds::NewStub(TcpChannel("bank-ci"))->ShareBuild(&context, share, &shared)));
  EXPECT_OK(read());
  const auto [status, answer] = CallRaw(TcpChannel("shop-ci"), "/crossmill.v1.Builds/GetBuild", [&] {
    v1::GetBuildRequest request;
    request.set_build_id(first.id());
    return request.SerializeAsString();
  }());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND) << "only the second is shared";
}

TEST_F(WallsTest, AnOperatorsRetryStaysInItsProject) {
  const auto worker = NewWorker("one");
  const int64_t build = SubmitAs("bank-ci", Marked());
  ASSERT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  const auto boss = v1::Builds::NewStub(TcpChannel("boss"));
  grpc::ClientContext context;
  v1::RetryBuildRequest request;
  request.set_build_id(build);
  v1::SubmitBuildResponse response;
  ASSERT_OK(rpc::FromGrpc(boss->RetryBuild(&context, request, &response)));
  EXPECT_EQ(WaitForEnd(response.build_id()).project(), "bank");
}

}  // namespace
}  // namespace crossmill
