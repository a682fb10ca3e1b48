#include "app/node/etcd_backend.h"

#include "store/keys.h"
#include "store/move.h"

namespace tandem::app {
namespace {

void take_closures(store::Outbox& out, const EtcdBackend::Closed& closed) {
    for (store::Reply& reply : out.replies) {
        if (reply.body.has_value() || reply.body.error().field != "closed") continue;
        const std::string closure = reply.body.error().message;
        reply.body = make_error(ErrorCode::Unavailable, "store", "the store is being moved");
        closed(closure);
    }
}

}  // namespace

Result<std::unique_ptr<EtcdBackend>> EtcdBackend::open(runtime::Reactor& reactor,
                                                       const StorePlace& place, Tell tell,
                                                       Closed closed) {
    runtime::EtcdOptions options;
    options.endpoints = place.endpoints;
    options.tls = {place.tls_ca, place.tls_certificate, place.tls_key};
    options.generation = place.generation;
    options.closed_key = store::keys::store_closed;
    auto store = TRY(runtime::EtcdStore::open(
        reactor, std::move(options),
        [tell = std::move(tell), closed = std::move(closed)](store::Outbox out) {
            take_closures(out, closed);
            tell(std::move(out));
        }));
    return std::unique_ptr<EtcdBackend>(new EtcdBackend(std::move(store)));
}

Result<void> EtcdBackend::follow(const StorePlace& place) {
    return store_->set_endpoints(place.endpoints,
                                 {place.tls_ca, place.tls_certificate, place.tls_key});
}

// What moves the data may write to a store that it has closed.
void EtcdBackend::take(Now, std::vector<store::Request> requests) {
    using Guard = runtime::EtcdStore::Guard;
    for (store::Request& request : requests) {
        const Guard guard = store::Move::is_own(request.id) ? Guard::None : Guard::Open;
        store_->send(std::move(request), guard);
    }
}

}  // namespace tandem::app
