-- allow
SELECT xmlelement(name a, xmlattributes(1 AS b), 'x'), xpath('/a', '<a/>');
