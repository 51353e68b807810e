//! The order in which boost's Dijkstra visits vertices at equal distance decides which of several shortest
//! paths is taken, and that order is the layout of its heap.

/// `boost::d_ary_heap_indirect` with four children per element, keyed by distances kept elsewhere.
#[derive(Debug, Default)]
pub(super) struct Heap {
    items: Vec<u32>,
    /// Where each vertex stands in `items`; stale for those that are not in it.
    place: Vec<u32>,
}

const ARITY: usize = 4;

impl Heap {
    /// Empties it, and makes room for so many vertices.
    pub(super) fn reset(&mut self, vertices: usize) {
        self.items.clear();
        self.place.resize(vertices, 0);
    }

    pub(super) fn push(&mut self, vertex: u32, distance: &[f32]) {
        self.items.push(vertex);
        self.place[vertex as usize] = self.items.len() as u32 - 1;
        self.decreased(vertex, distance);
    }

    /// Restores the order after the distance of a vertex in the heap has become smaller.
    pub(super) fn decreased(&mut self, vertex: u32, distance: &[f32]) {
        let mut index = self.place[vertex as usize] as usize;
        while index > 0 {
            let parent = (index - 1) / ARITY;
            if distance[vertex as usize] < distance[self.items[parent] as usize] {
                self.put(index, self.items[parent]);
                index = parent;
            } else {
                break;
            }
        }
        self.put(index, vertex);
    }

    pub(super) fn pop(&mut self, distance: &[f32]) -> Option<u32> {
        let top = *self.items.first()?;
        let last = self.items.pop()?;
        if !self.items.is_empty() {
            self.sink(last, distance);
        }
        Some(top)
    }

    /// Moves a vertex down from the top: the first smallest child goes up, if strictly smaller.
    fn sink(&mut self, vertex: u32, distance: &[f32]) {
        let key = |item: u32| distance[item as usize];
        let mut index = 0;
        loop {
            let first = ARITY * index + 1;
            if first >= self.items.len() {
                break;
            }
            let mut smallest = first;
            for child in first + 1..(first + ARITY).min(self.items.len()) {
                if key(self.items[child]) < key(self.items[smallest]) {
                    smallest = child;
                }
            }
            if key(self.items[smallest]) >= key(vertex) {
                break;
            }
            self.put(index, self.items[smallest]);
            index = smallest;
        }
        self.put(index, vertex);
    }

    fn put(&mut self, index: usize, vertex: u32) {
        self.items[index] = vertex;
        self.place[vertex as usize] = index as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vertices_leave_by_ascending_distance() {
        let distance: Vec<f32> = (0..50u32).map(|v| ((v * 37) % 50) as f32).collect();
        let mut heap = Heap::default();
        heap.reset(50);
        (0..50).for_each(|v| heap.push(v, &distance));
        let order: Vec<f32> = std::iter::from_fn(|| heap.pop(&distance))
            .map(|v| distance[v as usize])
            .collect();
        assert_eq!(order, (0..50u8).map(f32::from).collect::<Vec<_>>());
    }

    #[test]
    fn a_vertex_that_comes_closer_moves_up() {
        let mut distance = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        let mut heap = Heap::default();
        heap.reset(7);
        (0..7).for_each(|v| heap.push(v, &distance));
        distance[6] = 0.5;
        heap.decreased(6, &distance);
        assert_eq!(heap.pop(&distance), Some(6));
        assert_eq!(heap.pop(&distance), Some(0));
    }

    #[test]
    fn at_equal_distance_the_last_item_takes_the_place_of_the_first() {
        let distance = vec![0.0; 6];
        let mut heap = Heap::default();
        heap.reset(6);
        (0..6).for_each(|v| heap.push(v, &distance));
        let order: Vec<u32> = std::iter::from_fn(|| heap.pop(&distance)).collect();
        assert_eq!(order, [0, 5, 4, 3, 2, 1]);
    }
}
