package sql

import "container/list"

// lru keeps the most recently used values of a limited number.
type lru[K comparable, V any] struct {
	max   int
	byKey map[K]*list.Element
	order list.List // newest first
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](max int) *lru[K, V] {
	return &lru[K, V]{max: max, byKey: make(map[K]*list.Element, max)}
}

func (l *lru[K, V]) get(key K) (v V, ok bool) {
	e, ok := l.byKey[key]
	if !ok {
		return v, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*lruEntry[K, V]).value, true
}

// put adds a value and returns the one that had to make room.
func (l *lru[K, V]) put(key K, v V) (old V, evicted bool) {
	l.byKey[key] = l.order.PushFront(&lruEntry[K, V]{key, v})
	if l.order.Len() <= l.max {
		return old, false
	}
	last := l.order.Remove(l.order.Back()).(*lruEntry[K, V])
	delete(l.byKey, last.key)
	return last.value, true
}

func (l *lru[K, V]) all() []V {
	var values []V
	for e := l.order.Front(); e != nil; e = e.Next() {
		values = append(values, e.Value.(*lruEntry[K, V]).value)
	}
	return values
}
