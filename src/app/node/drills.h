// Carries out drills on this node: what operators order over the API to see what becomes of their
// calls. Made only where the bootstrap file allows it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "ports/web_port.h"
#include "runtime/link/node_links.h"
#include "runtime/reactor/reactor.h"

namespace tandem::app {

class Drills {
 public:
    Drills(runtime::Reactor& reactor, std::string run_directory, runtime::NodeLinks& links);

    // What is asked for happens a little later, so that the answer gets out.
    ports::HarmReply start(const ports::HarmRequest& harm);

 private:
    void carry_out(const ports::HarmRequest& harm);

    std::string run_directory_;
    runtime::NodeLinks& links_;
    runtime::Timer timer_;
};

std::string text_of(const ports::HarmRequest& harm);  // "kill of this node"

}  // namespace tandem::app
