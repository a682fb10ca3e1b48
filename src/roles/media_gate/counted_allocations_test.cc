// Counts every allocation of the test program, to show that the path of a packet makes none. In a
// file of its own, so that the compiler sees ordinary new and delete elsewhere.
#include <cstddef>
#include <cstdlib>
#include <new>

extern size_t counted_allocations;
size_t counted_allocations = 0;

void* operator new(size_t size) {
    ++counted_allocations;
    if (void* memory = std::malloc(size)) return memory;
    std::abort();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
    std::free(memory);
}
