-- allow
;;;
