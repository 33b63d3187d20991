#include "common/rpc/repeatable.h"

#include <array>
#include <map>
#include <string_view>

#include "crossmill/v1/access.pb.h"
#include "crossmill/v1/client_service.pb.h"
#include "crossmill/v1/notices_service.pb.h"
#include "crossmill/v1/people_service.pb.h"
#include "crossmill/v1/retention_service.pb.h"

namespace crossmill::rpc {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;
using google::protobuf::MethodOptions;
using google::protobuf::ServiceDescriptor;

// Services are read from descriptors, which are registered by generated files to which nothing else may
// refer.
[[gnu::used]] const void* const kServiceFiles[] = {
    &descriptor_table_crossmill_2fv1_2fclient_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2fnotices_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2fpeople_5fservice_2eproto,
    &descriptor_table_crossmill_2fv1_2fretention_5fservice_2eproto};

// Those that clients call.
constexpr std::array<std::string_view, 12> kServices = {
    "Builds",      "Matrices",     "Packages",     "Images",   "Wheels",    "Farm",
    "Predictions", "Attestations", "Verification", "Webhooks", "Retention", "People"};

bool IsRepeatable(const MethodDescriptor& method) {
  const MethodOptions& options = method.options();
  return options.GetExtension(v1::access) == v1::ACCESS_READ ||
         options.idempotency_level() != MethodOptions::IDEMPOTENCY_UNKNOWN;
}

std::map<const google::protobuf::Descriptor*, bool> Requests() {
  std::map<const google::protobuf::Descriptor*, bool> requests;
  for (const std::string_view name : kServices) {
    const ServiceDescriptor* service =
        DescriptorPool::generated_pool()->FindServiceByName("crossmill.v1." + std::string(name));
    for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
      const MethodDescriptor& method = *service->method(i);
      bool& all = requests.try_emplace(method.input_type(), true).first->second;
      all = all && IsRepeatable(method);
    }
  }
  return requests;
}

}  // namespace

bool IsRepeatable(const google::protobuf::Descriptor& request) {
  static const std::map<const google::protobuf::Descriptor*, bool> kRequests = Requests();
  const auto found = kRequests.find(&request);
  return found != kRequests.end() && found->second;
}

}  // namespace crossmill::rpc
