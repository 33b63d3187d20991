// Which calls may be made again when it is not known whether they arrived.
#pragma once

#include <google/protobuf/descriptor.h>

namespace crossmill::rpc {

// Whether every method that takes `request` gives the same when it is called twice as when it is called once:
// it changes nothing (access READ), or says so by the option `idempotency_level`.
bool IsRepeatable(const google::protobuf::Descriptor& request);

}  // namespace crossmill::rpc
