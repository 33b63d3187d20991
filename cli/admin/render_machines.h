// Invitations and workers that joined, for people and as JSON (docs/cli.md). Pure.
#pragma once

#include <cstdint>
#include <string>

#include "cli/show/text.h"
#include "common/base/json.h"
#include "crossmill/v1/machines.pb.h"

namespace crossmill::cli {

using InvitationList = google::protobuf::RepeatedPtrField<v1::Invitation>;
using MachineList = google::protobuf::RepeatedPtrField<v1::Machine>;

// What `crossmill-coordinator init` has answered, and what is to be done next.
std::string RenderFounded(const Json& founded);

// `now`: Unix time in nanoseconds.
std::string RenderInvitations(const InvitationList& invitations, int64_t now, const TextOptions& options);
Json InvitationsJson(const InvitationList& invitations);

std::string RenderMachines(const MachineList& machines, int64_t now, const TextOptions& options);
Json MachinesJson(const MachineList& machines);

}  // namespace crossmill::cli
