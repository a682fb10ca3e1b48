// Makes the role instances of a node: the one place that knows all kinds of roles.
#pragma once

#include <memory>
#include <string>

#include "app/config/site_keys.h"
#include "ports/media_plane.h"
#include "roles/host/node_host.h"

namespace tandem::app {

class NodeRoleFactory final : public roles::host::RoleFactory {
 public:
    NodeRoleFactory(const SiteKeys& keys, std::string admin_token);

    std::unique_ptr<ports::Role> make(ports::RoleKind kind,
                                      const ports::Surroundings& surroundings) override;
    // The data plane of the media gate made last; nullptr: none was made.
    ports::MediaDataPlane* media_plane() const { return media_plane_; }

 private:
    SiteKeys keys_;
    std::string admin_token_;
    ports::MediaDataPlane* media_plane_ = nullptr;
};

}  // namespace tandem::app
