// Makes the role instances of a node: the one place that knows all kinds of roles.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/config/site_keys.h"
#include "ports/media_plane.h"
#include "roles/host/node_host.h"

namespace tandem::app {

class NodeRoleFactory final : public roles::host::RoleFactory {
 public:
    using OwnAddresses = std::function<std::vector<IpAddress>()>;  // of the machine
    // `authority`: fingerprint of the site's.
    NodeRoleFactory(const SiteKeys& keys, std::string admin_token, OwnAddresses own_addresses,
                    std::string authority = {});

    std::unique_ptr<ports::Role> make(ports::RoleKind kind,
                                      const ports::Surroundings& surroundings) override;
    // The media gate made last, and its data plane, which ends with it; nullptr: none was made.
    ports::Instance media_gate() const { return media_gate_; }
    ports::MediaDataPlane* media_plane() const { return media_plane_; }

 private:
    SiteKeys keys_;
    std::string admin_token_;
    OwnAddresses own_addresses_;
    std::string authority_;
    ports::Instance media_gate_;
    ports::MediaDataPlane* media_plane_ = nullptr;
};

}  // namespace tandem::app
