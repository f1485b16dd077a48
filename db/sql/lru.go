package sql

import "container/list"

// lru keeps the most recently used values of a limited number.
type lru[V any] struct {
	max   int
	byKey map[string]*list.Element
	order list.List // newest first
}

type lruEntry[V any] struct {
	key   string
	value V
}

func newLRU[V any](max int) *lru[V] {
	return &lru[V]{max: max, byKey: make(map[string]*list.Element, max)}
}

func (l *lru[V]) get(key string) (v V, ok bool) {
	e, ok := l.byKey[key]
	if !ok {
		return v, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*lruEntry[V]).value, true
}

// put adds a value and returns the one that had to make room.
func (l *lru[V]) put(key string, v V) (old V, evicted bool) {
	l.byKey[key] = l.order.PushFront(&lruEntry[V]{key, v})
	if l.order.Len() <= l.max {
		return old, false
	}
	last := l.order.Remove(l.order.Back()).(*lruEntry[V])
	delete(l.byKey, last.key)
	return last.value, true
}

func (l *lru[V]) all() []V {
	var values []V
	for e := l.order.Front(); e != nil; e = e.Next() {
		values = append(values, e.Value.(*lruEntry[V]).value)
	}
	return values
}
