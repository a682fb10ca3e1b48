// `tandemd --join TOKEN`: makes an empty data directory that of a new server of a running system.
// It asks the site, which judges; then the port of the home node is tried; then the site writes the
// server and answers with what it needs. What fails leaves the directory as it was.
#pragma once

#include <cstdint>
#include <string>

#include "app/config/bootstrap.h"
#include "app/config/server_file.h"
#include "base/result.h"

namespace tandem::app {

// What the server is for: a witness observes and votes, and may have no roles.
enum class JoinAs : uint8_t { Host, Witness };

// Who this server is from now on. The error is one sentence for the operator.
Result<ServerFile> join_system(const Bootstrap& bootstrap, const std::string& token, JoinAs as);

}  // namespace tandem::app
